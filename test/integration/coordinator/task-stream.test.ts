import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readEvents, type StreamedEvent } from "../../support/event-stream.ts";
import type { FakeNode } from "../../support/fake-node.ts";
import { addTask, answerLong, failTask, runTask } from "../../support/queued-tasks.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

let mesh: TestCoordinator;
let node: FakeNode;
beforeAll(async () => {
  mesh = await createTestCoordinator();
  node = await mesh.join({ name: "worker", slots: 100 });
});
afterAll(() => mesh[Symbol.asyncDispose]());

interface Follower {
  readonly next: () => Promise<StreamedEvent>;
  /** The rest, to the end. */
  readonly rest: () => Promise<readonly StreamedEvent[]>;
  readonly leave: () => void;
}

async function follow(id: string, lastEventId?: string | null): Promise<Follower> {
  const leaving = new AbortController();
  const response = await fetch(`http://127.0.0.1:${mesh.port()}/api/v1/tasks/${id}/stream`, {
    headers: {
      authorization: `Bearer ${mesh.token}`,
      ...(lastEventId === undefined || lastEventId === null ? {} : { "last-event-id": lastEventId }),
    },
    signal: leaving.signal,
  });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  expect(response.headers.get("x-claw-mesh-task")).toBe(id);
  const events = readEvents(response);
  return {
    next: async () => {
      const { value } = await events.next();
      if (value === undefined) throw new Error("the stream ended");
      return value;
    },
    rest: () => Array.fromAsync(events),
    leave: () => leaving.abort(),
  };
}

const state = async (id: string) => (await mesh.call("GET", `/api/v1/tasks/${id}`)).body.state;

describe("the stream of a task", () => {
  test("tells the decision, the text as it comes, and the result", async () => {
    const { body } = await addTask(mesh, "stream me");
    const offer = await node.nextOffer("stream me");
    const stream = await follow(body.id);
    expect(await stream.next()).toMatchObject({
      event: "decision",
      data: { message_id: body.id, attempt: 1 },
    });
    node.started(offer);
    node.chunk(offer, 0, "one ");
    expect(await stream.next()).toMatchObject({
      event: "chunk",
      data: { attempt: 1, offset: 0, text: "one " },
    });
    node.chunk(offer, 4, "two");
    expect(await stream.next()).toMatchObject({
      event: "chunk",
      data: { attempt: 1, offset: 4, text: "two" },
    });
    node.result(offer, "one two");
    expect(await stream.rest()).toMatchObject([
      { event: "result", data: { message_id: body.id, node_name: "worker", response: "one two" } },
    ]);
  });

  test("may be left without harm, and goes on behind the last event", async () => {
    const { body } = await addTask(mesh, "leave and come back");
    const offer = await node.nextOffer("leave and come back");
    const first = await follow(body.id);
    await first.next();
    node.started(offer);
    node.chunk(offer, 0, "before ");
    const { id } = await first.next();
    expect(id).not.toBeNull();
    first.leave();
    node.chunk(offer, 7, "meanwhile ");
    const second = await follow(body.id, id);
    expect(await second.next()).toMatchObject({
      event: "chunk",
      data: { attempt: 1, offset: 7, text: "meanwhile " },
    });
    node.result(offer, "all");
    expect((await second.rest()).map(({ event }) => event)).toEqual(["result"]);
    expect(node.frames.filter((frame) => frame.type === "cancel" && frame.task === body.id)).toEqual([]);
  });

  test("begins with a snapshot for who comes late, or back after the text had started again", async () => {
    const { body } = await addTask(mesh, "late");
    const offer = await node.nextOffer("late");
    const first = await follow(body.id);
    await first.next();
    node.started(offer);
    node.chunk(offer, 0, "wrong words");
    const { id } = await first.next();
    node.chunk(offer, 6, "turn");
    expect(await first.next()).toMatchObject({ event: "snapshot", data: { text: "wrong turn" } });
    const back = await follow(body.id, id);
    expect(await back.next()).toMatchObject({ event: "snapshot", data: { offset: 0, text: "wrong turn" } });
    const late = await follow(body.id);
    expect((await late.next()).event).toBe("decision");
    expect(await late.next()).toMatchObject({ event: "snapshot", data: { offset: 0, text: "wrong turn" } });
    node.result(offer, "done");
    for (const stream of [first, back, late]) {
      expect((await stream.rest()).map(({ event }) => event)).toEqual(["result"]);
    }
  });

  test("of a message whose sender waits goes on by its key and the last event, too", async () => {
    const content = "sent with a key";
    const leaving = new AbortController();
    const first = readEvents(await mesh.stream(content, { key: content, signal: leaving.signal }));
    const offer = await node.nextOffer(content);
    await first.next();
    node.started(offer);
    node.chunk(offer, 0, "half ");
    const id = (await first.next()).value?.id ?? "";
    leaving.abort();
    node.chunk(offer, 5, "way");
    const again = readEvents(await mesh.stream(content, { key: content, headers: { "last-event-id": id } }));
    expect((await again.next()).value).toMatchObject({ event: "chunk", data: { offset: 5, text: "way" } });
    node.result(offer, "half way");
    expect((await again.next()).value).toMatchObject({ event: "result" });
  });

  test("of a task that has ended gives its outcome, also to who comes back for the rest", async () => {
    const succeeded = await runTask(mesh, node, "over");
    const failed = await failTask(mesh, node, "failed");
    expect(await (await follow(succeeded)).rest()).toMatchObject([
      { event: "decision", data: { attempt: 1 } },
      { event: "result", data: { response: "answer to over" } },
    ]);
    expect((await (await follow(succeeded, "old:1:0:3")).rest()).at(-1)).toMatchObject({ event: "result" });
    expect((await (await follow(failed)).rest()).at(-1)).toMatchObject({
      event: "error",
      data: { code: "RUNTIME_FAILED", details: { message_id: failed } },
    });
  });

  test("of a task that waits for its time begins with that", async () => {
    const { body } = await addTask(mesh, "later", {
      not_before: new Date(Date.now() + 3_600_000).toISOString(),
    });
    const stream = await follow(body.id);
    expect(await stream.next()).toMatchObject({
      event: "decision",
      data: {
        attempt: 0,
        decision: { outcome: "waiting", unblock: [{ needs: `its time, ${body.not_before}` }] },
      },
    });
    stream.leave();
    await mesh.call("POST", `/api/v1/tasks/${body.id}/cancel`);
  });

  test("tells anew what a task waits for when that changes", async () => {
    await using single = await mesh.join({ name: "single", slots: 1 });
    await addTask(mesh, "holds the slot", { target: "single" });
    const holder = await single.nextOffer("holds the slot");
    const { body } = await addTask(mesh, "has to wait", { target: "single" });
    const stream = await follow(body.id);
    expect(await stream.next()).toMatchObject({
      event: "decision",
      data: { attempt: 0, decision: { outcome: "waiting", unblock: [{ nodes: [{ reason: "full" }] }] } },
    });
    await mesh.call("PATCH", "/api/v1/nodes/single", { body: { scheduling: "cordoned" } });
    expect(await stream.next()).toMatchObject({
      event: "decision",
      data: { attempt: 0, decision: { unblock: [{ nodes: [{ reason: "cordoned" }] }] } },
    });
    await mesh.call("PATCH", "/api/v1/nodes/single", { body: { scheduling: "active" } });
    single.answer(holder, "free");
    single.answer(await single.nextOffer("has to wait"), "done");
    const rest = await stream.rest();
    expect(rest.at(-1)).toMatchObject({ event: "result", data: { response: "done" } });
    expect(await state(body.id)).toBe("succeeded");
  });

  test("tells every task of a crowd what it waits for now, and starts them when a node comes", async () => {
    await using mac = await mesh.join({ name: "mac", slots: 1, capabilities: { os: "darwin" } });
    await addTask(mesh, "holds the mac", { requires: { os: "darwin" } });
    const holder = await mac.nextOffer("holds the mac");
    const ids: string[] = [];
    for (let index = 0; index < 3; index += 1) {
      ids.push((await addTask(mesh, `crowd ${index}`, { requires: { os: "darwin" } })).body.id);
    }
    const streams = await Promise.all(ids.map((id) => follow(id)));
    const waitFor = (reason: string) => ({
      event: "decision",
      data: { attempt: 0, decision: { unblock: [{ nodes: [{ name: "mac", reason }] }] } },
    });
    for (const stream of streams) expect(await stream.next()).toMatchObject(waitFor("full"));
    await mesh.call("PATCH", "/api/v1/nodes/mac", { body: { scheduling: "cordoned" } });
    for (const stream of streams) expect(await stream.next()).toMatchObject(waitFor("cordoned"));
    for (const id of ids) {
      const { body } = await mesh.call("GET", `/api/v1/tasks/${id}`);
      expect(body.waiting_for).toBe("a node with os=darwin; mac has it, cordoned");
      const { body: decision } = await mesh.call("GET", `/api/v1/tasks/${id}/decision`);
      expect(decision).toMatchObject({
        outcome: "unroutable",
        unblock: [{ nodes: [{ reason: "cordoned" }] }],
      });
    }
    await using other = await mesh.join({ name: "mac-2", capabilities: { os: "darwin" } });
    for (const index of [0, 1, 2]) other.answer(await other.nextOffer(`crowd ${index}`), "on a mac");
    for (const stream of streams) expect((await stream.rest()).at(-1)).toMatchObject({ event: "result" });
    mac.answer(holder, "done");
  });

  test("of nothing known is refused", async () => {
    const { status, body } = await mesh.call("GET", `/api/v1/tasks/task_${"0".repeat(32)}/stream`);
    expect({ status, code: body.code }).toEqual({ status: 404, code: "TASK_NOT_FOUND" });
  });

  test("hands a long text over in parts that fit together", async () => {
    const { body } = await addTask(mesh, "long");
    const offer = await node.nextOffer("long");
    const text = Array.from({ length: 30_000 }, (_, index) => `${index} 長い `).join("");
    node.started(offer);
    const pieceLength = 50_000;
    for (let at = 0; at < text.length; at += pieceLength)
      node.chunk(offer, at, text.slice(at, at + pieceLength));
    const stream = await follow(body.id);
    let shown = "";
    while (shown !== text) {
      const { event, data } = await stream.next();
      if (event === "snapshot") shown = data.text;
      if (event !== "chunk") continue;
      expect(data.offset).toBe(shown.length);
      shown += data.text;
    }
    stream.leave();
    expect(await state(body.id)).toBe("running");
  });
});

test("many readers share one long answer, those who never read included", async () => {
  const { body } = await addTask(mesh, "very long");
  const offer = await node.nextOffer("very long");
  const streams = await Promise.all(Array.from({ length: 50 }, () => follow(body.id)));
  answerLong(node, offer, "x".repeat(3 * 1024 * 1024));
  const events = await streams[0]?.rest();
  expect(events?.at(-1)?.data.response).toHaveLength(3 * 1024 * 1024);
  for (const { leave } of streams) leave();
});

test("a stream ends with a stopping coordinator, and begins anew with the next one", async () => {
  await using other = await createTestCoordinator();
  const path = (id: string) => `http://127.0.0.1:${other.port()}/api/v1/tasks/${id}/stream`;
  const headers = { authorization: `Bearer ${other.token}` };
  const { body } = await addTask(other, "outlives", { requires: { os: "darwin" } });
  const before = readEvents(await fetch(path(body.id), { headers }));
  expect((await before.next()).value).toMatchObject({ event: "decision", data: { attempt: 0 } });
  const restarted = other.restart();
  expect((await before.next()).value).toMatchObject({
    event: "error",
    data: { code: "COORDINATOR_STOPPING" },
  });
  await restarted;
  const after = readEvents(
    await fetch(path(body.id), { headers: { ...headers, "last-event-id": "old:1:0:5" } }),
  );
  const mac = await other.join({ name: "mac", capabilities: { os: "darwin" } });
  mac.answer(await mac.nextOffer("outlives"), "after the restart");
  const rest = await Array.fromAsync(after);
  expect(rest.at(-1)).toMatchObject({ event: "result", data: { response: "after the restart" } });
});
