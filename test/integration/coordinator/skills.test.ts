/** What `GET /skills` makes of what the nodes say. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Capabilities, SkillDetail } from "../../../src/protocol/capability.ts";
import { maxMeshSkills } from "../../../src/protocol/http/skill-routes.ts";
import { openFakeLink, toHello } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

let mesh: TestCoordinator;
beforeAll(async () => {
  mesh = await createTestCoordinator();
});
afterAll(() => mesh[Symbol.asyncDispose]());

const nameOf = (name: string) => name as ReturnType<typeof toHello>["name"];
const detail = (name: string, missing: string[] = [], description: string | null = null): SkillDetail => ({
  name,
  from: "agent",
  description,
  missing,
});
const machine = (parts: Partial<Capabilities>): Capabilities => ({ ...toHello().capabilities, ...parts });
const skills = async () => (await mesh.call("GET", "/api/v1/skills")).body.skills;
const skill = async (name: string) => (await skills()).find((one: { name: string }) => one.name === name);

describe("the skills of the mesh", () => {
  test("say who has them, who lacks something, and who is offline", async () => {
    await using a = await mesh.join({
      name: nameOf("alpha"),
      capabilities: machine({
        skills: ["Docker"],
        tags: ["home"],
        skill_details: [detail("Docker", [], "Boxes")],
      }),
    });
    const b = await mesh.join({
      name: nameOf("beta"),
      capabilities: machine({ skills: [], tags: ["docker"], skill_details: [] }),
    });
    await using c = await mesh.join({
      name: nameOf("gamma"),
      capabilities: machine({ skills: [], tags: [], skill_details: [detail("DOCKER", ["program docker"])] }),
    });
    await b.close();
    await until("beta is offline", async () => (await skill("Docker"))?.nodes[1]?.status === "offline");
    expect(await skills()).toEqual([
      {
        name: "Docker",
        description: "Boxes",
        nodes: [
          { id: a.nodeId, name: "alpha", status: "online" },
          { id: b.nodeId, name: "beta", status: "offline" },
        ],
        node_count: 2,
        unusable: [{ id: c.nodeId, name: "gamma", status: "online", missing: ["program docker"] }],
        unusable_count: 1,
      },
      expect.objectContaining({ name: "home", description: null, node_count: 1 }),
    ]);
  });

  test("outlive a restart of the coordinator, with what is missing", async () => {
    const node = await mesh.join({
      name: nameOf("delta"),
      capabilities: machine({
        skills: [],
        skill_details: [detail("video", ["program ffmpeg"])],
        gpus: [{ vendor: "nvidia", model: "RTX", memory_mb: 24_564 }],
      }),
    });
    await node.close();
    await mesh.restart();
    expect((await skill("video")).unusable[0]).toMatchObject({ name: "delta", status: "offline" });
    const { body } = await mesh.call("GET", `/api/v1/nodes/${node.nodeId}`);
    expect(body.capabilities.gpus).toEqual([{ vendor: "nvidia", model: "RTX", memory_mb: 24_564 }]);
  });

  test("follow a node while it runs", async () => {
    await using node = await mesh.join({
      name: nameOf("epsilon"),
      capabilities: machine({ skills: ["old"] }),
    });
    node.send({ type: "capabilities", capabilities: machine({ skills: ["brand-new"] }) });
    await until("the new skill is there", async () => (await skill("brand-new")) !== undefined);
    expect(await skill("old")).toBeUndefined();
  });

  test("are bounded, and what is left out is counted", async () => {
    for (let at = 0; at < 21; at++) {
      const names = Array.from({ length: 256 }, (_, word) => `w${at}-${word}`);
      await (
        await mesh.join({ name: nameOf(`many-${at}`), capabilities: machine({ skills: names }) })
      ).close();
    }
    const { body } = await mesh.call("GET", "/api/v1/skills");
    expect(body.skills).toHaveLength(maxMeshSkills);
    expect(body.left_out).toBeGreaterThan(300);
    const { body: one } = await mesh.call("GET", "/api/v1/skills?name=W20-255");
    expect([one.skills.map(({ name }: { name: string }) => name), one.left_out]).toEqual([["w20-255"], 0]);
    expect((await mesh.call("GET", "/api/v1/skills?nmae=x")).status).toBe(400);
  });
});

describe("a node is not let in", () => {
  const gpu = { vendor: "amd", model: null, memory_mb: null };
  const claims: Readonly<Record<string, object>> = {
    "17 GPUs": { gpus: Array.from({ length: 17 }, () => gpu) },
    "a GPU of an unknown maker": { gpus: [{ ...gpu, vendor: "moon" }] },
    "a GPU with a name of 129 characters": { gpus: [{ ...gpu, model: "x".repeat(129) }] },
    "a GPU with more memory than there is": { gpus: [{ ...gpu, memory_mb: 1e12 }] },
    "257 described skills": { skill_details: Array.from({ length: 257 }, (_, at) => detail(`s${at}`)) },
    "17 wants of one skill": {
      skill_details: [
        detail(
          "a",
          Array.from({ length: 17 }, () => "x"),
        ),
      ],
    },
    "a description of 257 characters": { skill_details: [detail("a", [], "x".repeat(257))] },
    "a described skill with a comma": { skill_details: [detail("a,b")] },
    "more text than the mesh keeps": {
      skill_details: Array.from({ length: 200 }, (_, at) => detail(`s${at}`, Array(4).fill("y".repeat(128)))),
    },
  };
  test.each(Object.entries(claims))("with %s", async (_, parts) => {
    await using link = await openFakeLink({ port: mesh.port(), token: mesh.token });
    const { capabilities, ...hello } = toHello();
    link.sendRaw(JSON.stringify([{ ...hello, capabilities: { ...capabilities, ...parts } }]));
    const code = await Promise.race([
      link.closed.then((close) => close.code),
      link.next("welcome").then(() => null),
    ]);
    expect(code).toBe(4400);
  });
});
