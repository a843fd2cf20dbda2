/** What the coordinator counts of the runtimes of a node, and what it tells the node of that. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { RuntimeKind } from "../../../src/protocol/capability.ts";
import type { RuntimeStatus } from "../../../src/protocol/node.ts";
import { type FakeNode, readyRuntime } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

let mesh: TestCoordinator;
let node: FakeNode;

const runtime = (kind: RuntimeKind, parts: Partial<RuntimeStatus> = {}): RuntimeStatus => ({
  ...readyRuntime,
  kind,
  slots: 1,
  in_flight: 0,
  ...parts,
});
const both = [runtime("openclaw"), runtime("zeroclaw")];

beforeEach(async () => {
  mesh = await createTestCoordinator();
  node = await mesh.join({ slots: 4, runtimes: both });
});
afterEach(() => mesh[Symbol.asyncDispose]());

const queue = async (content: string, kind?: RuntimeKind, more: object = {}): Promise<string> => {
  const requires = kind === undefined ? {} : { requires: { runtime: kind } };
  const { body } = await mesh.call("POST", "/api/v1/tasks", { body: { content, ...requires, ...more } });
  return body.task_id ?? body.id ?? body.message_id;
};
const tell = (...runtimes: RuntimeStatus[]) =>
  node.send({
    type: "status",
    load: { in_flight: 1, cpu: 0, memory: 0 },
    slots: 4,
    runtimes,
    recovering: [],
  });
const shown = async () => (await mesh.call("GET", "/api/v1/nodes")).body[0];
const taskOf = async (id: string) => (await mesh.call("GET", `/api/v1/tasks/${id}`)).body;
const waits = (id: string) =>
  until("it waits", async () => {
    const task = await taskOf(id);
    return task.state === "queued" && task.waiting_for !== null;
  });

describe("what waits for a runtime goes", () => {
  test("as soon as the node says that the message before it is elsewhere", async () => {
    await queue("any");
    const any = await node.nextOffer("any");
    expect(any.prefers).toBe("openclaw");
    await waits(await queue("o", "openclaw"));
    node.send({ type: "started", task: any.task, attempt: any.attempt, runtime: "zeroclaw" });
    await node.nextOffer("o");
  });

  test("when that gets a slot more", async () => {
    await queue("o1", "openclaw");
    await node.nextOffer("o1");
    await waits(await queue("o2", "openclaw"));
    tell(runtime("openclaw", { slots: 2 }), runtime("zeroclaw"));
    await node.nextOffer("o2");
  });

  test("when that is ready", async () => {
    tell(runtime("openclaw"), runtime("zeroclaw", { ready: false, reason: "away" }));
    await until("it is told", async () => (await shown()).runtimes[1].reason);
    await waits(await queue("z", "zeroclaw"));
    await queue("o", "openclaw");
    await node.nextOffer("o");
    tell(...both);
    await node.nextOffer("z");
  });
});

describe("a runtime that refuses as not ready", () => {
  test("is passed by, and the others of its node are not", async () => {
    await queue("z", "zeroclaw");
    node.refuse(await node.nextOffer("z"), "not_ready");
    await until("it is shown", async () => (await shown()).runtimes[1].ready === false);
    expect(await shown()).toMatchObject({ ready: true, runtimes: [{ ready: true }, { ready: false }] });
    await queue("o", "openclaw");
    await node.nextOffer("o");
  });

  test("does not take back that its node takes nothing", async () => {
    await queue("z", "zeroclaw");
    await queue("o", "openclaw");
    const [z, o] = [await node.nextOffer("z"), await node.nextOffer("o")];
    node.refuse(o, "draining");
    await until("it is shown", async () => (await shown()).ready === false);
    const { reason } = await shown();
    node.refuse(z, "not_ready");
    await until("it is shown", async () => (await shown()).runtimes[1].ready === false);
    expect(await shown()).toMatchObject({ ready: false, reason });
  });
});

test("a node is busy when its runtimes are, though the operator allows more", async () => {
  await queue("a");
  await queue("b");
  await node.nextOffer("a");
  await node.nextOffer("b");
  expect((await shown()).status).toBe("busy");
});

test("a rule's runtime is told to the node as one that is required, the sender's before it", async () => {
  const match = { content: "night", requires_runtime: "zeroclaw" };
  await mesh.call("POST", "/api/v1/rules", { body: { match } });
  await queue("night", undefined, { session: "s" });
  expect(await node.nextOffer("night")).toMatchObject({ runtime: "zeroclaw" });
});

describe("an echo beside another runtime", () => {
  const echo = runtime("echo", { slots: 4 });

  test("gets nothing that does not require it, while the other is full", async () => {
    tell(runtime("openclaw"), echo);
    await until("it is told", async () => (await shown()).runtimes[1].kind === "echo");
    await queue("one");
    const one = await node.nextOffer("one");
    const waiting = [await queue("two"), await queue("three", undefined, { session: "s" })];
    for (const id of waiting) await waits(id);
    expect((await shown()).status).toBe("busy");
    await queue("say", "echo");
    expect(await node.nextOffer("say")).toMatchObject({ runtime: "echo" });
    node.answer(one, "done");
    node.answer(await node.nextOffer("two"), "done");
    node.answer(await node.nextOffer("three"), "done");
  });

  test("is given what waits for it while the other is full", async () => {
    tell(runtime("openclaw"), runtime("echo"));
    await until("it is told", async () => (await shown()).runtimes[1].kind === "echo");
    await queue("one");
    await node.nextOffer("one");
    await queue("say", "echo");
    const say = await node.nextOffer("say");
    await waits(await queue("say more", "echo"));
    node.answer(say, "say");
    await node.nextOffer("say more");
  });

  test("makes its node no ready one for messages that ask for no runtime", async () => {
    tell(runtime("openclaw", { ready: false, reason: "away" }), echo);
    await until("it is told", async () => (await shown()).runtimes[1].kind === "echo");
    const id = await queue("one");
    await waits(id);
    const { body } = await mesh.call("GET", `/api/v1/tasks/${id}/decision`);
    expect(body.refused.named).toMatchObject([{ reason: "not_ready", detail: "only its echo is ready" }]);
    expect((await shown()).status).toBe("online");
    tell(runtime("openclaw"), echo);
    await node.nextOffer("one");
  });
});

test("the runtime of an older node, which does not tell, is the only one that it has", async () => {
  tell(runtime("openclaw"));
  await until("it is told", async () => (await shown()).runtimes.length === 1);
  const id = await queue("one");
  const { task, attempt } = await node.nextOffer("one");
  node.send({ type: "started", task, attempt });
  await until("it is shown", async () => (await taskOf(id)).attempts[0]?.runtime === "openclaw");
});

test("what runs is counted for the runtime that it was sent to after a restart of the coordinator, too", async () => {
  await queue("z1", "zeroclaw");
  const { task, attempt } = await node.nextOffer("z1");
  node.send({ type: "started", task, attempt });
  await mesh.restart({ port: mesh.port() });
  // An older node does not tell which of its runtimes has it.
  const running = [{ task, attempt, offset: 0, started_at: new Date().toISOString() }];
  node = await mesh.rejoin(node, { slots: 4, runtimes: both, running });
  await waits(await queue("z2", "zeroclaw"));
  await queue("o", "openclaw");
  await node.nextOffer("o");
  node.result({ task, attempt }, "done");
  await node.nextOffer("z2");
});
