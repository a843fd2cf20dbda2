/** What a node of the mesh may have of its coordinator: slots, memory, words for failures, and links. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { maxChunkLength } from "../../../src/protocol/link/v1/frames.ts";
import { type FakeNode, toRef } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

let coordinator: TestCoordinator;
let honest: FakeNode;

const nameOf = (name: string) => name as FakeNode["hello"]["name"];

beforeAll(async () => {
  coordinator = await createTestCoordinator();
  honest = await coordinator.join({ name: nameOf("honest") });
});
afterAll(() => coordinator[Symbol.asyncDispose]());

/** The mesh goes on. */
async function works(): Promise<void> {
  const answer = coordinator.send("still here?", { to: "honest" });
  honest.answer(await honest.nextOffer("still here?"), "yes");
  expect((await answer).body.response).toBe("yes");
}

describe("a node that claims more slots than a node may have", () => {
  const most = 256;

  test("counts as one that has 256, in its hello as in its status", async () => {
    const node = await coordinator.join({ slots: 10_000 });
    const shown = async () => (await coordinator.call("GET", `/api/v1/nodes/${node.nodeId}`)).body.slots;
    expect(await shown()).toBe(most);
    const { runtimes } = node.hello;
    const load = { in_flight: 0, cpu: 0, memory: 0 };
    node.send({ type: "status", load, slots: 3, runtimes, recovering: [] });
    await until("it counts as 3", async () => (await shown()) === 3);
    node.send({ type: "status", load, slots: 9_999, runtimes, recovering: [] });
    await until("it counts as 256", async () => (await shown()) === most);
    await node.close();
  });
});

describe("a node that sends long answers and never ends them", () => {
  test("has 64 MiB of them kept; what is beyond it fails as too large, and others go on", async () => {
    const node = await coordinator.join({ name: nameOf("endless"), slots: 50 });
    const ends: Promise<unknown>[] = [];
    for (let at = 0; at < 5; at += 1) {
      const parts = { timeout_s: 60, effects: "safe" };
      ends.push(coordinator.send(`long ${at}`, { to: "endless", parts }));
      const offer = await node.nextOffer(`long ${at}`);
      node.started(offer);
      const text = "x".repeat(maxChunkLength);
      for (let offset = 0; offset < 8 * 1024 * 1024; offset += 16 * maxChunkLength) {
        node.send(
          ...Array.from({ length: 16 }, (_, part) => ({
            type: "chunk" as const,
            ...toRef(offer),
            offset: offset + part * maxChunkLength,
            text,
            final: true as const,
          })),
        );
      }
    }
    expect(await Promise.race(ends)).toMatchObject({ body: { code: "ANSWER_TOO_LARGE" } });
    await works();
    await node.close();
  }, 30_000);

  test("has room again for what it ends", async () => {
    const node = await coordinator.join({ name: nameOf("orderly"), slots: 50 });
    const text = "x".repeat(maxChunkLength);
    const whole = text.repeat(64);
    const sha256 = new Bun.CryptoHasher("sha256").update(whole).digest("hex");
    for (let at = 0; at < 12; at += 1) {
      const answer = coordinator.send(`long ${at}`, { to: "orderly" });
      const offer = await node.nextOffer(`long ${at}`);
      node.started(offer);
      for (let part = 0; part < 64; part += 1) {
        const offset = part * maxChunkLength;
        node.send({ type: "chunk", ...toRef(offer), offset, text, final: true });
      }
      node.send({ type: "result", ...toRef(offer), length: whole.length, sha256 });
      expect((await answer).status).toBe(200);
    }
    await node.close();
  }, 30_000);
});

describe("a node that reports a failure", () => {
  test.each(["unroutable", "outcome_unknown", "lost_before_start", "lost_after_start"] as const)(
    "cannot choose %s, which is the coordinator's to find out",
    async (reported) => {
      const node = await coordinator.join({ slots: 1 });
      const answer = coordinator.send("fail", { to: node.name });
      const offer = await node.nextOffer("fail");
      node.started(offer);
      node.send({ type: "failed", ...toRef(offer), failure: { class: reported, message: "x" } });
      expect((await answer).body).toMatchObject({ code: "RUNTIME_FAILED" });
      const { body } = await coordinator.call("GET", `/api/v1/tasks/${offer.task}`);
      expect(body.attempts[0].failure).toMatchObject({ class: "runtime_error", kind: "internal" });
      await node.close();
    },
  );
});

describe("a node that registers its endpoint again and again", () => {
  test("is told to wait, while another one registers", async () => {
    const register = (name: string) =>
      coordinator.call("POST", "/api/v1/nodes/register", {
        body: {
          name,
          endpoint: "127.0.0.1:9",
          capabilities: { os: "linux", arch: "amd64", gpu: false, memory_gb: 1 },
        },
      });
    const statuses: number[] = [];
    for (let again = 0; again < 8; again += 1) statuses.push((await register("hasty")).status);
    expect(statuses.slice(0, 5)).toEqual([201, 201, 201, 201, 201]);
    expect(statuses.at(-1)).toBe(429);
    expect((await register("calm")).status).toBe(201);
  });
});

describe("a node that comes and goes without end", () => {
  test("is sent away before anything of it is written down, and let in again later", async () => {
    let node = await coordinator.join();
    for (let again = 0; again < 9; again += 1) {
      await node.close();
      node = await coordinator.rejoin(node);
    }
    const refused = async () => {
      await node.close();
      node = await coordinator.rejoin(node);
      return "let in";
    };
    let last = "";
    for (let again = 0; again < 5 && last === ""; again += 1) {
      last = await refused().then(
        () => "",
        (error: unknown) => String(error),
      );
    }
    expect(last).toContain("TOO_MANY_REQUESTS");
    await until(
      "it is let in",
      () =>
        refused().then(
          () => true,
          () => false,
        ),
      10_000,
    );
    await works();
    await node.close();
  }, 20_000);
});
