/** What an invite that has let its machine in is still good for: that machine, for a moment, and nothing else. */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Instance } from "../../../src/protocol/ids.ts";
import { registerClassic } from "../../support/classic-node.ts";
import { type FakeNodeOptions, nextInstance } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

let mesh: TestCoordinator;
beforeEach(async () => {
  mesh = await createTestCoordinator();
});
afterEach(() => mesh[Symbol.asyncDispose]());

const code = async (uses = 1): Promise<string> =>
  (await mesh.call("POST", "/api/v1/invites", { body: { uses } })).body.code;
const named = (name: string) => ({ name: name as NonNullable<FakeNodeOptions["name"]> });
const tryJoin = (token: string, name: string, instance: Instance) =>
  mesh.join({ token, instance, ...named(name) }).then(
    ({ nodeId }) => nodeId as string,
    () => "refused",
  );
const names = async () =>
  (await mesh.call("GET", "/api/v1/nodes")).body.map(({ name }: { name: string }) => name);

describe.each([1, 3])("an invite of %i uses that has let a machine in", (uses) => {
  let token: string;
  const instance = nextInstance();
  beforeEach(async () => {
    token = await code(uses);
  });

  test("lets the same instance in under no other name, one after another or at once", async () => {
    const first = await tryJoin(token, "box", instance);
    expect(first).not.toBe("refused");
    for (const name of ["box-2", "box-3"]) expect(await tryJoin(token, name, instance)).toBe("refused");
    const others = Array.from({ length: 5 }, (_, at) => tryJoin(token, `other-${at}`, instance));
    expect(new Set(await Promise.all(others))).toEqual(new Set(["refused"]));
    expect(await names()).toEqual(["box"]);
    expect(await tryJoin(token, "box", instance)).toBe(first);
  });

  test("makes one node of many names that one instance claims at once", async () => {
    const joining = Array.from({ length: 10 }, (_, at) => tryJoin(token, `box-${at}`, instance));
    await Promise.all(joining);
    expect(await names()).toHaveLength(1);
  });

  test("does not let it in again after an operator has removed its node, also after a restart", async () => {
    await tryJoin(token, "box", instance);
    expect((await mesh.call("DELETE", "/api/v1/nodes/box")).status).toBe(204);
    for (const name of ["box", "back"]) expect(await tryJoin(token, name, instance)).toBe("refused");
    await mesh.restart();
    expect(await tryJoin(token, "box", instance)).toBe("refused");
    expect(await names()).toEqual([]);
  });

  test("does not let it in again when its node has shown the token that it was given", async () => {
    const node = await mesh.join({ token, instance, ...named("box") });
    const again = await mesh.rejoin(node);
    expect(await tryJoin(token, "box", instance)).toBe("refused");
    expect((await mesh.rejoin(again)).nodeId).toBe(node.nodeId);
  });

  test("does not let it in again when more than a minute has gone by", async () => {
    const node = await mesh.join({ token, instance, ...named("box") });
    const database = new Database(join(mesh.dataDir, "mesh.db"));
    database.run("update invite_uses set used_at_ms = used_at_ms - 60000");
    database.close();
    expect(await tryJoin(token, "box", instance)).toBe("refused");
    expect((await mesh.rejoin(node)).nodeId).toBe(node.nodeId);
  });
});

describe("the place of a node with a direct endpoint", () => {
  const endpoint = "127.0.0.1:9121";
  /** What anybody can work out who knows its name and endpoint. */
  const instance = createHash("sha256").update(`old-mac\n${endpoint}`).digest("hex").slice(0, 32) as Instance;
  const register = (token: string) =>
    registerClassic(`http://127.0.0.1:${mesh.port()}`, token, { name: "old-mac", endpoint });

  test.each(["the admin token", "another invite", "the same invite"])(
    "is not had over a link by an invite, when it joined with %s",
    async (how) => {
      const token = await code(how === "the same invite" ? 2 : 1);
      const own = how === "the admin token" ? mesh.token : how === "another invite" ? await code() : token;
      const registered = await register(own);
      expect(registered.status).toBe(201);
      const { node_id } = (await registered.json()) as { readonly node_id: string };
      await expect(mesh.join({ token, instance, ...named("old-mac") })).rejects.toMatchObject({
        reason: "NAME_TAKEN",
      });
      const { body } = await mesh.call("GET", "/api/v1/nodes/old-mac");
      expect(body).toMatchObject({ id: node_id, transport: "direct", endpoint, status: "online" });
    },
  );
});

test("a node that dials is not had by another invite, though its instance be known", async () => {
  const victim = await mesh.join(named("victim"));
  const { instance } = victim.hello;
  await expect(mesh.join({ token: await code(), instance, ...named("victim") })).rejects.toMatchObject({
    reason: "NAME_TAKEN",
  });
  const answer = mesh.send("still there?", { to: "victim" });
  victim.answer(await victim.nextOffer("still there?"), "yes");
  expect((await answer).body).toMatchObject({ response: "yes" });
});
