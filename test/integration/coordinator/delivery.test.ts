import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type FakeNode, toRef } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

let mesh: TestCoordinator;
beforeEach(async () => {
  mesh = await createTestCoordinator();
});
afterEach(() => mesh[Symbol.asyncDispose]());

const attemptsOf = async (task: string) => (await mesh.call("GET", `/api/v1/tasks/${task}`)).body.attempts;
const safe = { parts: { effects: "safe" } };

async function joinPair(): Promise<readonly [FakeNode, FakeNode]> {
  return [await mesh.join({ name: "one" }), await mesh.join({ name: "two" })];
}

/** Sends while there is one node, so that it is known who is asked first, and joins a second one then. */
async function sendToFirst(content: string, parts: Readonly<Record<string, unknown>> = {}) {
  const node = await mesh.join({ name: "one" });
  const answering = mesh.send(content, { parts });
  const offer = await node.nextOffer();
  return { answering, node, offer, other: await mesh.join({ name: "two" }) };
}

async function statusOf(node: FakeNode): Promise<string> {
  return (await mesh.call("GET", `/api/v1/nodes/${node.nodeId}`)).body.status;
}

describe("a refusal", () => {
  for (const reason of ["full", "draining", "not_ready"] as const) {
    test(`because it is ${reason} moves the message at once and is no attempt that counts`, async () => {
      const { answering, node, offer, other } = await sendToFirst("move on");
      node.refuse(offer, reason);
      const again = await other.nextOffer();
      expect(again).toMatchObject({ task: offer.task, attempt: 2 });
      other.answer(again, "taken");
      expect((await answering).body).toMatchObject({ response: "taken", node_name: other.name });
      expect(await attemptsOf(offer.task)).toMatchObject([
        { state: "refused", failure: { class: "refused" } },
        { state: "finished", failure: null },
      ]);
    });
  }

  test("by all candidates is an error", async () => {
    const node = await mesh.join();
    const answering = mesh.send("nobody");
    node.refuse(await node.nextOffer(), "not_ready");
    const { status, body } = await answering;
    expect({ status, code: body.code }).toEqual({ status: 503, code: "MESSAGE_REFUSED" });
    expect(body.error).toContain("it is not_ready");
  });

  test("for want of a slot is waited out when there is no other candidate", async () => {
    const node = await mesh.join({ slots: 2 });
    const answering = mesh.send("patience");
    const first = await node.nextOffer();
    node.refuse(first, "full");
    const second = await node.nextOffer();
    expect(second).toMatchObject({ task: first.task, attempt: 2 });
    node.answer(second, "now there is room");
    expect((await answering).body.response).toBe("now there is room");
  });

  test("frees a new conversation to go elsewhere", async () => {
    const { answering, node, offer, other } = await sendToFirst("new talk", { session: "talk" });
    node.refuse(offer, "full");
    other.answer(await other.nextOffer(), "with me");
    expect((await answering).body.node_name).toBe(other.name);
    const next = mesh.send("go on", { parts: { session: "talk" } });
    other.answer(await other.nextOffer("go on"), "still with me");
    expect((await next).body.node_name).toBe(other.name);
  });
});

describe("a lost link", () => {
  test("moves a safe message after half a second; the late result is kept as late, never as the answer", async () => {
    const { answering, node, offer, other } = await sendToFirst("safe", safe.parts);
    node.started(offer);
    const lostAtMs = performance.now();
    await node.close();
    const again = await other.nextOffer();
    expect(performance.now() - lostAtMs).toBeGreaterThan(400);
    other.started(again);

    const returned = await mesh.rejoin(node, { unacknowledged: [toRef(offer)] });
    returned.result(offer, "too late");
    await returned.next("ack", (ack) => ack.task === offer.task);
    other.result(again, "in time");
    expect((await answering).body).toMatchObject({ response: "in time", attempts: 2 });
    expect(await attemptsOf(offer.task)).toMatchObject([
      { state: "lost", failure: { class: "lost_after_start" }, late_result: true },
      { state: "finished", late_result: false },
    ]);
  });

  test("is waited out for an unsafe message: the node comes back with the answer", async () => {
    const [node, other] = await joinPair();
    const answering = mesh.send("unsafe", { to: node.name });
    const offer = await node.nextOffer();
    node.started(offer);
    await node.close();
    await until("the node is offline", async () => (await statusOf(node)) === "offline");
    const returned = await mesh.rejoin(node, { unacknowledged: [toRef(offer)] });
    expect(returned.welcome).toMatchObject({
      returning: true,
      node_id: node.nodeId,
      resume: [{ ...toRef(offer), offset: 0 }],
    });
    expect(returned.welcome.token).toBeUndefined();
    returned.result(offer, "from before");
    expect((await answering).body).toMatchObject({ response: "from before", attempts: 1 });
    await returned.next("ack", (ack) => ack.task === offer.task && ack.unknown === undefined);
    expect(other.frames.filter((frame) => frame.type === "offer")).toEqual([]);
  });

  test("does not end a stream when the node returns and goes on", async () => {
    const node = await mesh.join();
    const response = await mesh.stream("go on");
    const offer = await node.nextOffer();
    node.started(offer);
    node.chunk(offer, 0, "before, ");
    await node.close();
    const running = [{ ...toRef(offer), offset: 8, started_at: new Date().toISOString() }];
    const returned = await mesh.rejoin(node, { running });
    expect(returned.welcome.resume).toEqual([{ ...toRef(offer), offset: 8 }]);
    returned.chunk(offer, 8, "after");
    returned.result(offer, "before, after");
    const text = await response.text();
    expect(text).toContain("before, ");
    expect(text).toContain('"offset":8,"text":"after"');
    expect(text).toContain('"response":"before, after"');
  });

  test("is forgotten once the node says that it still runs: no grace ends it", async () => {
    const node = await mesh.join();
    const answering = mesh.send("keep running", safe);
    const offer = await node.nextOffer();
    node.started(offer);
    await node.close();
    const running = [{ ...toRef(offer), offset: 0, started_at: new Date().toISOString() }];
    const returned = await mesh.rejoin(node, { running });
    await Bun.sleep(700); // longer than the grace of a safe message: nothing must happen in it
    returned.result(offer, "done");
    expect((await answering).body).toMatchObject({ response: "done", attempts: 1 });
  });

  test("ends an unsafe message with its outcome unknown when the node returns and does not know", async () => {
    const node = await mesh.join();
    const answering = mesh.send("unknown");
    const offer = await node.nextOffer();
    node.started(offer);
    await node.close();
    const returned = await mesh.rejoin(node);
    returned.send({
      type: "lost",
      ...toRef(offer),
      started: true,
      fenced: false,
      reason: "The agent was restarted.",
    });
    const { status, body } = await answering;
    expect({ status, code: body.code }).toEqual({ status: 502, code: "OUTCOME_UNKNOWN" });
    expect(body.details.failure.class).toBe("outcome_unknown");
    await returned.next("ack", (ack) => ack.task === offer.task);
  });

  test("runs the message again, there too, when the node proves that it never started", async () => {
    const node = await mesh.join();
    const answering = mesh.send("never started");
    const offer = await node.nextOffer();
    await node.close();
    const returned = await mesh.rejoin(node);
    returned.send({
      type: "lost",
      ...toRef(offer),
      started: false,
      fenced: true,
      reason: "It never arrived.",
    });
    const again = await returned.nextOffer();
    expect(again).toMatchObject({ task: offer.task, attempt: 2 });
    returned.answer(again, "at last");
    expect((await answering).body.response).toBe("at last");
  });

  test("does not go in circles with a node that loses every offer", async () => {
    const node = await mesh.join();
    const answering = mesh.send("circle");
    for (let turn = 0; turn < 2; turn += 1) {
      const offer = await node.nextOffer();
      node.send({ type: "lost", ...toRef(offer), started: false, fenced: true, reason: "dropped" });
    }
    expect((await answering).body.code).toBe("MESSAGE_REFUSED");
  });

  test("of a node that an operator removed ends its unsafe message at once", async () => {
    const node = await mesh.join();
    const answering = mesh.send("removed");
    node.started(await node.nextOffer());
    await mesh.call("DELETE", `/api/v1/nodes/${node.nodeId}`);
    expect((await answering).body.code).toBe("OUTCOME_UNKNOWN");
  });

  test("does not undo a cancel: what the returning node runs is stopped", async () => {
    const node = await mesh.join();
    const answering = mesh.send("cancel while away");
    const offer = await node.nextOffer();
    node.started(offer);
    await node.close();
    await mesh.call("POST", `/api/v1/tasks/${offer.task}/cancel`);
    const running = [{ ...toRef(offer), offset: 0, started_at: new Date().toISOString() }];
    const returned = await mesh.rejoin(node, { running });
    expect(await returned.next("cancel")).toEqual({ type: "cancel", ...toRef(offer), reason: "cancelled" });
    returned.send({ type: "cancelled", ...toRef(offer) });
    expect((await answering).body.code).toBe("MESSAGE_CANCELLED");
  });

  test("stops on its return what has been given up meanwhile", async () => {
    const node = await mesh.join();
    const answering = mesh.send("given up", { parts: { timeout_s: 0.3 } });
    const offer = await node.nextOffer();
    node.started(offer);
    await node.close();
    expect((await answering).body.code).toBe("OUTCOME_UNKNOWN");
    const running = [{ ...toRef(offer), offset: 0, started_at: new Date().toISOString() }];
    const returned = await mesh.rejoin(node, { running });
    expect(await returned.next("cancel")).toMatchObject({ ...toRef(offer), reason: "superseded" });
  });
});

describe("acknowledgement", () => {
  test("follows a result, and again when it is repeated", async () => {
    const node = await mesh.join();
    const answering = mesh.send("ack");
    const offer = await node.nextOffer();
    node.answer(offer, "once");
    const ack = { type: "ack", ...toRef(offer) } as const;
    expect(await node.next("ack")).toEqual(ack);
    await answering;
    node.result(offer, "once");
    expect(await node.next("ack")).toEqual(ack);
    node.result(offer, "something else");
    expect(await node.next("ack")).toEqual(ack);
    const { body } = await mesh.call("GET", `/api/v1/tasks/${offer.task}`);
    expect(body).toMatchObject({ response: "once", attempts: [{ late_result: false }] });
  });

  test("says unknown for what the coordinator never heard of", async () => {
    const node = await mesh.join();
    const ref = { task: "task_00000000000000000000000000000000" as never, attempt: 1 };
    for (const frame of [
      { type: "result", ...ref, length: 1, text: "x" },
      { type: "cancelled", ...ref },
      { type: "lost", ...ref, started: true, fenced: true, reason: "gone" },
    ] as const) {
      node.send(frame);
      expect(await node.next("ack")).toEqual({ type: "ack", ...ref, unknown: true });
    }
  });
});

describe("containment", () => {
  test("a node is not heard about the attempts of another", async () => {
    const [owner, stranger] = await joinPair();
    const response = await mesh.stream("private", { to: owner.name });
    const ref = toRef(await owner.nextOffer());
    stranger.send({ type: "started", ...ref });
    stranger.chunk(ref, 0, "false text");
    stranger.send({ type: "refuse", ...ref, reason: "full", message: "no" });
    stranger.result(ref, "false answer");
    expect(await stranger.next("ack")).toEqual({ type: "ack", ...ref, unknown: true });
    stranger.send({
      type: "failed",
      ...ref,
      failure: { class: "runtime_error", kind: "auth", message: "false" },
    });
    expect(await stranger.next("ack")).toEqual({ type: "ack", ...ref, unknown: true });
    stranger.send({ type: "lost", ...ref, started: false, fenced: true, reason: "false" });
    await stranger.next("ack");
    owner.answer(ref, "true answer");
    const text = await response.text();
    expect(text).toContain("true answer");
    expect(text).not.toContain("false");
    expect(await attemptsOf(ref.task)).toMatchObject([{ node_id: owner.nodeId, late_result: false }]);
  });

  test("a report for an attempt that does not exist changes nothing", async () => {
    const node = await mesh.join();
    const answering = mesh.send("fenced");
    const offer = await node.nextOffer();
    node.result({ task: offer.task, attempt: 2 }, "from the future");
    expect(await node.next("ack")).toMatchObject({ attempt: 2, unknown: true });
    node.answer(offer, "now");
    expect((await answering).body.response).toBe("now");
  });

  test("one node's claim to run another's attempt is answered with a stop", async () => {
    const [owner, stranger] = await joinPair();
    const answering = mesh.send("mine", { to: owner.name });
    const offer = await owner.nextOffer();
    await stranger.close();
    const running = [{ ...toRef(offer), offset: 0, started_at: new Date().toISOString() }];
    const returned = await mesh.rejoin(stranger, { running });
    expect(await returned.next("cancel")).toMatchObject({ ...toRef(offer), reason: "superseded" });
    owner.answer(offer, "mine indeed");
    expect((await answering).body.response).toBe("mine indeed");
  });
});
