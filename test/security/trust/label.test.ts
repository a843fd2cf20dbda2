import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Secret } from "../../../src/protocol/secret.ts";
import { startClassicNode } from "../../support/classic-node.ts";
import { startDirectAgent } from "../../support/direct-agent.ts";
import type { FakeNode } from "../../support/fake-node.ts";
import { createScriptedRuntime } from "../../support/scripted-runtime.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";
import { answerNext, caller, createToken, joinNodes } from "./mesh.ts";

let mesh: TestCoordinator;
let node: FakeNode;
let guest: string;
let admin: ReturnType<typeof caller>;
beforeEach(async () => {
  mesh = await createTestCoordinator();
  ({ desk: node } = await joinNodes(mesh, "desk"));
  guest = await createToken(mesh, "guest", { scopes: ["send"], untrusted: true });
  admin = caller(mesh);
});
afterEach(() => mesh[Symbol.asyncDispose]());

/** Queues a message, has it fail, and gives its id. */
async function failed(token: string, parts: object = {}): Promise<string> {
  const { body } = await caller(mesh, token)("POST", "/tasks", { content: "x", ...parts });
  const offer = await node.nextOffer();
  const ref = { task: offer.task, attempt: offer.attempt };
  const failure = { class: "runtime_error", kind: "bad_request", message: "no" } as const;
  node.send({ type: "started", ...ref }, { type: "failed", ...ref, failure });
  const isFailed = async () => (await admin("GET", `/tasks/${body.id}`)).body.state === "failed";
  await until("the task has failed", isFailed);
  return body.id;
}

describe("the untrusted label", () => {
  test("is on all that an untrusted token sends, up to the offer, the record and the decision", async () => {
    const answer = mesh.send("hello", { token: guest });
    expect(await answerNext(node)).toMatchObject({ content: "hello", untrusted: true });
    const id = (await answer).body.message_id;
    expect((await admin("GET", `/tasks/${id}`)).body.untrusted).toBe(true);
    expect((await admin("GET", "/tasks")).body.tasks).toMatchObject([{ id, untrusted: true }]);
    expect((await admin("GET", `/tasks/${id}/decision`)).body.untrusted).toBe(true);
  });

  test("is on what its sender gives it to, and on nothing else", async () => {
    const [labelled, plain] = [mesh.send("a", { parts: { untrusted: true } }), mesh.send("b")];
    const offers = [await answerNext(node), await answerNext(node)];
    expect(offers.map(({ content, untrusted }) => [content, untrusted ?? false]).toSorted()).toEqual([
      ["a", true],
      ["b", false],
    ]);
    const ids = [(await labelled).body.message_id, (await plain).body.message_id];
    const shown = await Promise.all(
      ids.map(async (id) => (await admin("GET", `/tasks/${id}`)).body.untrusted),
    );
    expect(shown).toEqual([true, false]);
  });

  test("cannot be denied by its sender", async () => {
    const { status, body } = await mesh.send("hello", { token: guest, parts: { untrusted: false } });
    expect({ status, code: body.code }).toEqual({ status: 400, code: "BODY_INVALID" });
  });

  test("stays when somebody else has the message run again, edited or not, alone or among many", async () => {
    for (const edit of [{}, { content: "y", labels: {}, session: null, target: "desk" }]) {
      const id = await failed(guest);
      const retried = await admin("POST", `/tasks/${id}/retry`, edit);
      expect(retried.body.untrusted).toBe(true);
      expect((await answerNext(node)).untrusted).toBe(true);
    }
    const id = await failed(guest);
    const bulk = await admin("POST", "/tasks/retry", { ids: [id] });
    expect(bulk.body.failed).toEqual([]);
    expect((await answerNext(node)).untrusted).toBe(true);
  });

  test("is given by an untrusted token that has a trusted message run again", async () => {
    const operator = await createToken(mesh, "guest-operator", {
      scopes: ["send", "operate"],
      untrusted: true,
    });
    const id = await failed(mesh.token);
    const retried = await caller(mesh, operator)("POST", `/tasks/${id}/retry`, { content: "now mine" });
    expect(retried.body.untrusted).toBe(true);
    expect((await answerNext(node)).untrusted).toBe(true);
  });

  test("outlives a restart of the coordinator", async () => {
    const elsewhere = {
      target: node.nodeId,
      content: "later",
      not_before: new Date(Date.now() + 1_500).toISOString(),
    };
    const { body } = await caller(mesh, guest)("POST", "/tasks", elsewhere);
    await mesh.restart();
    const again = await mesh.rejoin(node);
    expect(await answerNext(again)).toMatchObject({ content: "later", untrusted: true });
    expect((await admin("GET", `/tasks/${body.id}`)).body.untrusted).toBe(true);
  });

  test("keeps a conversation apart from the trusted one of the same sender and name", async () => {
    const say = (parts: object) => mesh.send("x", { parts: { session: "family", ...parts } });
    const answers = [say({}), say({ untrusted: true }), say({}), say({ untrusted: true })];
    const keys = new Map<boolean, Set<string | undefined>>([
      [true, new Set()],
      [false, new Set()],
    ]);
    for (const _ of answers) {
      const offer = await answerNext(node);
      keys.get(offer.untrusted === true)?.add(offer.session?.key);
    }
    await Promise.all(answers);
    const all = [...(keys.get(true) ?? []), ...(keys.get(false) ?? [])];
    expect(all).toHaveLength(2);
    expect(new Set(all).size).toBe(2);
  });

  test("does not let an untrusted message choose the node of the trusted conversation", async () => {
    const { lab } = await joinNodes(mesh, "lab");
    await admin("POST", "/rules", { match: { untrusted: true }, target: "lab" });
    await admin("POST", "/rules", { match: { untrusted: false }, target: "desk" });
    for (const [parts, home] of [
      [{ untrusted: true }, lab],
      [{}, node],
      [{ untrusted: true }, lab],
    ] as const) {
      const answer = mesh.send("x", { parts: { session: "family", ...parts } });
      await answerNext(home);
      expect((await answer).body.node_name).toBe(home.name);
    }
  });
});

describe("over the direct transport", () => {
  test("the label reaches a node of ours", async () => {
    const runtime = createScriptedRuntime({ kind: "openai" });
    await using _direct = await startDirectAgent({
      coordinatorUrl: `http://127.0.0.1:${mesh.port()}`,
      token: new Secret(mesh.token),
      runtime,
      name: "direct",
    });
    for (const parts of [{ untrusted: true }, {}]) {
      const answer = mesh.send("hello", { to: "direct", parts });
      const run = await runtime.nextRun();
      expect(run.attempt.isUntrusted).toBe("untrusted" in parts);
      run.succeed("hi");
      expect((await answer).body.response).toBe("hi");
    }
  });

  test("a classic node gets the message without it, in a body that it knows", async () => {
    const coordinatorUrl = `http://127.0.0.1:${mesh.port()}`;
    await using classic = await startClassicNode({ coordinatorUrl, bearer: mesh.token, name: "old" });
    const { status } = await mesh.send("hello", { to: "old", parts: { untrusted: true } });
    expect(status).toBe(200);
    expect(classic.received.map(({ rawBody }) => rawBody.includes("untrusted"))).toEqual([false]);
  });
});

test("route explain decides for an untrusted token as for the label, whatever the token says", async () => {
  const reader = await createToken(mesh, "reader", { scopes: ["send", "read"], untrusted: true });
  await caller(mesh)("POST", "/rules", { match: { untrusted: true }, refuse: true });
  const explain = async (by: ReturnType<typeof caller>) =>
    (await by("POST", "/route/explain", { content: "x" })).body;
  expect(await explain(caller(mesh, reader))).toMatchObject({ outcome: "refused", untrusted: true });
  expect((await explain(caller(mesh))).untrusted).toBeUndefined();
});
