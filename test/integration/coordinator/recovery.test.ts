import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { toRef } from "../../support/fake-node.ts";
import { createCoordinatorProcess, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

let mesh: TestCoordinator;
beforeEach(async () => {
  mesh = await createCoordinatorProcess();
});
afterEach(() => mesh[Symbol.asyncDispose]());

const taskOf = async (id: string) => (await mesh.call("GET", `/api/v1/tasks/${id}`)).body;

/** The client's side of a call whose coordinator is killed. */
function sendIntoCrash(content: string, key?: string): Promise<unknown> {
  return mesh.send(content, key === undefined ? {} : { key }).catch((error: unknown) => error);
}

describe("after kill -9 of the coordinator", () => {
  test("a message with a key succeeds: the node comes back with its answer, the client asks again by key", async () => {
    const node = await mesh.join();
    const broken = sendIntoCrash("survive", "key");
    const offer = await node.nextOffer();
    node.started(offer);
    await mesh.crash();
    await node.closed;
    await broken;
    const asking = mesh.send("survive", { key: "key" });
    const returned = await mesh.rejoin(node, { unacknowledged: [toRef(offer)] });
    expect(returned.welcome.resume).toEqual([{ ...toRef(offer), offset: 0 }]);
    returned.result(offer, "survived");
    expect((await asking).body).toMatchObject({ message_id: offer.task, response: "survived", attempts: 1 });
    await returned.next("ack", (ack) => ack.task === offer.task);
  });

  test("a run that goes on is followed to its end", async () => {
    const node = await mesh.join();
    const broken = sendIntoCrash("long run", "key");
    const offer = await node.nextOffer();
    node.started(offer);
    await mesh.crash();
    await broken;
    const response = await mesh.stream("long run", { key: "key" });
    const running = [{ ...toRef(offer), offset: 9, started_at: new Date().toISOString() }];
    const returned = await mesh.rejoin(node, { running });
    returned.chunk(offer, 0, "from the start");
    returned.result(offer, "from the start");
    const text = await response.text();
    expect(text).toContain('"response":"from the start"');
    expect(await taskOf(offer.task)).toMatchObject({ state: "succeeded", attempts: [{ attempt: 1 }] });
  });

  test("a new message waits for the nodes that are on their way back, named or not", async () => {
    const node = await mesh.join();
    await mesh.crash();
    const sending = [mesh.send("first"), mesh.send("second", { to: node.nodeId })];
    const returned = await mesh.rejoin(node);
    returned.answer(await returned.nextOffer("first"), "here");
    returned.answer(await returned.nextOffer("second"), "here too");
    expect((await Promise.all(sending)).map(({ body }) => body.response)).toEqual(["here", "here too"]);
  });

  test("a message without a key is cancelled: its client is gone", async () => {
    const node = await mesh.join();
    const broken = sendIntoCrash("nobody waits");
    const offer = await node.nextOffer();
    node.started(offer);
    await mesh.crash();
    await broken;
    const running = [{ ...toRef(offer), offset: 0, started_at: new Date().toISOString() }];
    const returned = await mesh.rejoin(node, { running });
    expect(await returned.next("cancel")).toEqual({ type: "cancel", ...toRef(offer), reason: "cancelled" });
    returned.send({ type: "cancelled", ...toRef(offer) });
    await returned.next("ack", (ack) => ack.task === offer.task);
    expect(await taskOf(offer.task)).toMatchObject({ state: "cancelled", failure: null });
  });

  test("an answer that was acknowledged is still there", async () => {
    const node = await mesh.join();
    const answering = mesh.send("durable", { key: "key" });
    const offer = await node.nextOffer();
    node.answer(offer, "on disk");
    await node.next("ack");
    await answering;
    await mesh.crash();
    expect((await mesh.send("durable", { key: "key" })).body).toMatchObject({
      message_id: offer.task,
      response: "on disk",
    });
  });

  test("a message that waited for a slot goes on waiting for the nodes to return", async () => {
    const node = await mesh.join({ slots: 1 });
    const broken = [sendIntoCrash("first", "one")];
    const offer = await node.nextOffer("first");
    broken.push(sendIntoCrash("second", "two"));
    const waits = await mesh.stream("second", { key: "two" });
    const second = waits.headers.get("x-claw-mesh-task") ?? "";
    waits.body?.cancel().catch(() => undefined);
    await mesh.crash();
    await Promise.all(broken);
    expect(await taskOf(second)).toMatchObject({ state: "queued" });
    await mesh.join({ capabilities: { os: "darwin" }, slots: 1, runtimes: [] }); // one that cannot help
    const returned = await mesh.rejoin(node, { unacknowledged: [toRef(offer)] });
    returned.result(offer, "1");
    returned.answer(await returned.nextOffer("second"), "2");
    expect((await mesh.send("first", { key: "one" })).body.response).toBe("1");
    expect((await mesh.send("second", { key: "two" })).body).toMatchObject({
      message_id: second,
      response: "2",
    });
  });

  test("an offer that never arrived is made again", async () => {
    const node = await mesh.join();
    const broken = sendIntoCrash("unseen", "key");
    const offer = await node.nextOffer();
    await mesh.crash();
    await broken;
    const returned = await mesh.rejoin(node);
    returned.send({
      type: "lost",
      ...toRef(offer),
      started: false,
      fenced: true,
      reason: "It is not in the journal.",
    });
    const again = await returned.nextOffer("unseen");
    expect(again).toMatchObject({ task: offer.task, attempt: 2 });
    returned.answer(again, "seen");
    expect((await mesh.send("unseen", { key: "key" })).body).toMatchObject({ response: "seen", attempts: 2 });
  });

  test("in the middle of traffic every message with a key ends once, with its own answer", async () => {
    const node = await mesh.join({ slots: 64 });
    const kept = new Map<string, string>();
    const ran = new Map<string, number>();
    const serve = async (link: typeof node) => {
      for (;;) {
        const offer = await link.nextOffer();
        ran.set(offer.content, (ran.get(offer.content) ?? 0) + 1);
        kept.set(`${offer.task} ${offer.attempt}`, offer.content);
        link.answer(offer, `answer to ${offer.content}`);
      }
    };
    serve(node).catch(() => undefined);
    const contents = Array.from({ length: 300 }, (_, index) => `message ${index}`);
    const broken = contents.map((content) => sendIntoCrash(content, content));
    await until("some are done", async () => kept.size > 100);
    await mesh.crash();
    await Promise.all(broken);
    const unacknowledged = [...kept].map(([ref]) => {
      const [task, attempt] = ref.split(" ");
      return { task: task as never, attempt: Number(attempt) };
    });
    const returned = await mesh.rejoin(node, { unacknowledged });
    serve(returned).catch(() => undefined);
    for (const ref of unacknowledged)
      returned.result(ref, `answer to ${kept.get(`${ref.task} ${ref.attempt}`)}`);
    for (const { task, attempt } of returned.welcome.resume) {
      if (!kept.has(`${task} ${attempt}`))
        returned.send({ type: "lost", task, attempt, started: false, fenced: true, reason: "never seen" });
    }
    const answers = await Promise.all(contents.map((content) => mesh.send(content, { key: content })));
    expect(answers.map(({ body }) => body.response)).toEqual(
      contents.map((content) => `answer to ${content}`),
    );
    expect([...ran].filter(([, times]) => times > 1)).toEqual([]);
  });

  test("queued tasks go on without a key: the one that ran, the one that waits, the one whose time is to come", async () => {
    const node = await mesh.join({ slots: 1 });
    const add = async (content: string, parts: object = {}) => {
      const { status, body } = await mesh.call("POST", "/api/v1/tasks", { body: { content, ...parts } });
      expect(status).toBe(202);
      return body.id as string;
    };
    const ids = [await add("runs"), await add("waits")];
    const offer = await node.nextOffer("runs");
    node.started(offer);
    const not_before = new Date(Date.now() + 1_500).toISOString();
    ids.push(await add("later", { not_before }));
    await mesh.crash();
    expect((await taskOf(ids[1] ?? "")).state).toBe("queued");
    const returned = await mesh.rejoin(node, { unacknowledged: [toRef(offer)] });
    returned.result(offer, "ran");
    const waits = await returned.nextOffer("waits");
    returned.answer(waits, "waited");
    const later = await returned.nextOffer("later");
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(not_before));
    returned.answer(later, "in time");
    for (const [index, response] of ["ran", "waited", "in time"].entries()) {
      await until(response, async () => (await taskOf(ids[index] ?? "")).response === response);
    }
    expect(await taskOf(ids[0] ?? "")).toMatchObject({ state: "succeeded", attempt_count: 1 });
  });
});
