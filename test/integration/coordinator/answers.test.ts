import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createConnection } from "node:net";
import { sha256Hex } from "../../../src/platform/hash.ts";
import type { TaskId } from "../../../src/protocol/ids.ts";
import { maxChunkLength } from "../../../src/protocol/link/v1/frames.ts";
import { readEvents, type StreamedEvent } from "../../support/event-stream.ts";
import { type FakeNode, toRef } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

const noTask = "task_00000000000000000000000000000000" as TaskId;

let mesh: TestCoordinator;
let node: FakeNode;
beforeAll(async () => {
  mesh = await createTestCoordinator();
  node = await mesh.join({ name: "worker", slots: 50 });
});
afterAll(() => mesh[Symbol.asyncDispose]());

async function nextEvent(events: AsyncGenerator<StreamedEvent>): Promise<StreamedEvent> {
  const { value } = await events.next();
  if (value === undefined) throw new Error("the stream ended");
  return value;
}

describe("one answer", () => {
  test("comes from the node, with who gave it and what it cost", async () => {
    const answering = mesh.send("hello");
    const offer = await node.nextOffer("hello");
    expect(offer).toMatchObject({ attempt: 1, source: "api", effects: "unsafe" });
    expect(offer.timeout_ms).toBeGreaterThan(590_000);
    node.answer(offer, "good day");
    const { status, body, headers } = await answering;
    expect(status).toBe(200);
    expect(body).toMatchObject({
      message_id: offer.task,
      node_id: node.nodeId,
      node_name: "worker",
      response: "good day",
      attempts: 1,
    });
    expect(headers.get("x-claw-mesh-node")).toBe(node.nodeId);
    expect(headers.get("x-claw-mesh-task")).toBe(offer.task);
    expect(Number(headers.get("x-claw-mesh-overhead-ms"))).toBeGreaterThanOrEqual(0);
  });

  test("is kept with its attempt and its decision", async () => {
    const answering = mesh.send("to keep", { parts: { labels: { team: "red" } } });
    const offer = await node.nextOffer("to keep");
    expect(offer.labels).toEqual({ team: "red" });
    node.answer(offer, "kept");
    await answering;
    const { body: task } = await mesh.call("GET", `/api/v1/tasks/${offer.task}`);
    expect(task).toMatchObject({ state: "succeeded", response: "kept", node_id: node.nodeId });
    expect(task.attempts).toMatchObject([
      { attempt: 1, state: "finished", failure: null, late_result: false },
    ]);
    const { body: decision } = await mesh.call("GET", `/api/v1/tasks/${offer.task}/decision`);
    expect(decision).toMatchObject({ outcome: "assigned", ranking: [{ node_id: node.nodeId }] });
  });

  test("goes to the node or group that was named", async () => {
    await using other = await mesh.join({ name: "other" });
    await mesh.call("PUT", "/api/v1/groups/pair", { body: { nodes: ["other"] } });
    for (const to of ["other", other.nodeId, "pair", "OTHER"]) {
      const answering = mesh.send("to the other", { to });
      other.answer(await other.nextOffer(), "here");
      expect((await answering).body.node_name).toBe("other");
    }
  });

  test("is an error with its class when the runtime failed", async () => {
    const answering = mesh.send("fail");
    const offer = await node.nextOffer("fail");
    const failure = { class: "runtime_error", kind: "quota", message: "The quota is used up." } as const;
    node.send({ type: "failed", ...toRef(offer), failure });
    const { status, body } = await answering;
    expect(status).toBe(502);
    expect(body).toMatchObject({
      code: "RUNTIME_FAILED",
      error: "The quota is used up.",
      details: { message_id: offer.task, failure },
    });
  });

  test("a failure with nothing done is tried again, an unsafe one with something done is not", async () => {
    const failure = { class: "runtime_error", kind: "overloaded", message: "busy" } as const;
    const twice = mesh.send("again");
    const first = await node.nextOffer("again");
    node.send({ type: "failed", ...toRef(first), failure: { ...failure, nothing_done: true } });
    const second = await node.nextOffer("again");
    expect(second.attempt).toBe(2);
    node.answer(second, "now");
    expect((await twice).body).toMatchObject({ response: "now", attempts: 2 });

    const once = mesh.send("not again");
    node.send({ type: "failed", ...toRef(await node.nextOffer("not again")), failure });
    expect((await once).body.code).toBe("RUNTIME_FAILED");
  });

  test("is given up when its time is over, and the run is stopped", async () => {
    const answering = mesh.send("slow", { parts: { timeout_s: 0.2 } });
    const offer = await node.nextOffer("slow");
    expect(offer.timeout_ms).toBeLessThanOrEqual(200);
    expect(await node.next("cancel")).toEqual({ type: "cancel", ...toRef(offer), reason: "timeout" });
    const { status, body } = await answering;
    expect({ status, code: body.code }).toEqual({ status: 504, code: "MESSAGE_TIMEOUT" });
    node.send({ type: "cancelled", ...toRef(offer) });
    await node.next("ack", (ack) => ack.task === offer.task);
    const { body: task } = await mesh.call("GET", `/api/v1/tasks/${offer.task}`);
    expect(task.attempts).toMatchObject([{ state: "finished", late_result: false }]);
  });

  test("is refused when the answer is too large", async () => {
    const answering = mesh.send("large");
    const offer = await node.nextOffer("large");
    const failure = { class: "too_large", message: "The answer has more than 8 MiB." } as const;
    node.send({ type: "failed", ...toRef(offer), failure });
    const { status, body } = await answering;
    expect({ status, code: body.code }).toEqual({ status: 502, code: "ANSWER_TOO_LARGE" });
  });
});

describe("a long answer", () => {
  const long = "Wörter ".repeat(40_000);
  const pieces = [...long.matchAll(new RegExp(`[^]{1,${maxChunkLength}}`, "g"))].map((match) => ({
    offset: match.index,
    text: match[0],
  }));

  test("comes in final chunks that its checksum proves", async () => {
    const answering = mesh.send("long");
    const ref = toRef(await node.nextOffer("long"));
    node.send({ type: "started", ...ref });
    for (const piece of pieces) node.send({ type: "chunk", ...ref, ...piece, final: true });
    node.send({ type: "result", ...ref, length: long.length, sha256: sha256Hex(long) });
    expect((await answering).body.response).toBe(long);
  });

  test("that starts again from its beginning is taken whole", async () => {
    const answering = mesh.send("long twice");
    const ref = toRef(await node.nextOffer("long twice"));
    for (const piece of [...pieces.slice(0, 2), ...pieces])
      node.send({ type: "chunk", ...ref, ...piece, final: true });
    node.send({ type: "result", ...ref, length: long.length, sha256: sha256Hex(long) });
    expect((await answering).body.response).toBe(long);
  });

  for (const [what, sent, sha256] of [
    ["lacks a part", pieces.slice(1), sha256Hex(long)],
    ["lost its end", pieces.slice(0, -1), sha256Hex(long)],
    ["has another checksum", pieces, sha256Hex("something else")],
    ["has no checksum", pieces, undefined],
  ] as const) {
    test(`that ${what} is a failure, never an answer`, async () => {
      const answering = mesh.send(`damaged: ${what}`);
      const ref = toRef(await node.nextOffer(`damaged: ${what}`));
      for (const piece of sent) node.send({ type: "chunk", ...ref, ...piece, final: true });
      node.send({ type: "result", ...ref, length: long.length, ...(sha256 === undefined ? {} : { sha256 }) });
      const { status, body } = await answering;
      expect({ status, code: body.code }).toEqual({ status: 502, code: "RUNTIME_FAILED" });
      expect(body.details.failure).toMatchObject({ class: "runtime_error", kind: "internal" });
    });
  }

  test("of more than 8 MiB is too large even when the node does not say so", async () => {
    const answering = mesh.send("endless");
    const ref = toRef(await node.nextOffer("endless"));
    const piece = "x".repeat(maxChunkLength);
    const length = 129 * maxChunkLength;
    for (let offset = 0; offset < length; offset += piece.length)
      node.send({ type: "chunk", ...ref, offset, text: piece, final: true });
    node.send({ type: "result", ...ref, length, sha256: sha256Hex(piece.repeat(129)) });
    expect((await answering).body.code).toBe("ANSWER_TOO_LARGE");
  });
});

describe("a streamed answer", () => {
  test("tells its decision, its text as it comes, and its result", async () => {
    const response = await mesh.stream("stream");
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const events = readEvents(response);
    const offer = await node.nextOffer("stream");
    expect(await nextEvent(events)).toMatchObject({
      event: "decision",
      data: { message_id: offer.task, attempt: 1, decision: { outcome: "assigned" } },
    });
    node.started(offer);
    node.chunk(offer, 0, "one ");
    expect(await nextEvent(events)).toMatchObject({
      event: "chunk",
      data: { attempt: 1, offset: 0, text: "one " },
    });
    node.chunk(offer, 4, "two");
    expect(await nextEvent(events)).toMatchObject({
      event: "chunk",
      data: { attempt: 1, offset: 4, text: "two" },
    });
    node.result(offer, "one two");
    expect(await nextEvent(events)).toMatchObject({ event: "result", data: { response: "one two" } });
    expect((await events.next()).done).toBe(true);
  });

  test("starts again with a snapshot when the runtime replaces its text", async () => {
    const events = readEvents(await mesh.stream("replace"));
    const offer = await node.nextOffer("replace");
    await nextEvent(events);
    node.chunk(offer, 0, "first thought");
    await nextEvent(events);
    node.chunk(offer, 6, "word");
    expect(await nextEvent(events)).toMatchObject({
      event: "snapshot",
      data: { attempt: 1, offset: 0, text: "first word", truncated: false },
    });
    node.result(offer, "first word");
    expect((await nextEvent(events)).event).toBe("result");
  });

  test("can be joined by the same key in the middle: snapshot, then chunks", async () => {
    const first = readEvents(await mesh.stream("join", { key: "join" }));
    const offer = await node.nextOffer("join");
    await nextEvent(first);
    node.chunk(offer, 0, "so far");
    await nextEvent(first);
    const second = readEvents(await mesh.stream("join", { key: "join" }));
    expect((await nextEvent(second)).event).toBe("decision");
    expect(await nextEvent(second)).toMatchObject({ event: "snapshot", data: { offset: 0, text: "so far" } });
    node.chunk(offer, 6, " so good");
    const chunk = { event: "chunk", data: { attempt: 1, offset: 6, text: " so good" } };
    expect(await nextEvent(first)).toMatchObject(chunk);
    expect(await nextEvent(second)).toMatchObject(chunk);
    node.result(offer, "so far so good");
    for (const events of [first, second]) expect((await nextEvent(events)).event).toBe("result");
  });

  test("of another attempt starts with its own decision and an empty text", async () => {
    const events = readEvents(await mesh.stream("retry", { parts: { effects: "safe" } }));
    const offer = await node.nextOffer("retry");
    expect(await nextEvent(events)).toMatchObject({ event: "decision", data: { attempt: 1 } });
    node.chunk(offer, 0, "will be lost");
    await nextEvent(events);
    const failure = { class: "runtime_error", kind: "internal", message: "broke" } as const;
    node.send({ type: "failed", ...toRef(offer), failure });
    const again = await node.nextOffer("retry");
    node.chunk(again, 0, "new");
    node.result(again, "new");
    const seen: StreamedEvent[] = [];
    for await (const event of events) seen.push(event);
    const last = seen.findLast(({ event }) => event === "snapshot" || event === "chunk");
    if (last !== undefined) expect(last.data.text).not.toContain("lost");
    expect(seen.some(({ event, data }) => event === "decision" && data.attempt === 2)).toBe(true);
    expect(seen.at(-1)).toMatchObject({ event: "result", data: { response: "new", attempts: 2 } });
  });

  test("that fails ends with the error a plain call would have had", async () => {
    const events = readEvents(await mesh.stream("stream failure"));
    const offer = await node.nextOffer("stream failure");
    const failure = { class: "runtime_error", kind: "auth", message: "The key is wrong." } as const;
    node.send({ type: "failed", ...toRef(offer), failure });
    const seen: StreamedEvent[] = [];
    for await (const event of events) seen.push(event);
    expect(seen.at(-1)).toMatchObject({
      event: "error",
      data: { code: "RUNTIME_FAILED", error: "The key is wrong.", details: { failure } },
    });
  });

  test("gives a slow reader what it missed in one piece", async () => {
    const reader = createConnection({ host: "127.0.0.1", port: mesh.port() });
    const body = JSON.stringify({ content: "slow reader" });
    reader.write(
      `POST /api/v1/route HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer ${mesh.token}\r\n` +
        `Accept: text/event-stream\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    reader.pause();
    const offer = await node.nextOffer("slow reader");
    const piece = "0123456789abcdef".repeat(4096);
    const pieces = 400;
    for (let index = 0; index < pieces; index += 1) {
      node.chunk(offer, index * piece.length, piece);
      // One at a time: a reader that keeps up would get each of them.
      await nodeWasHeard();
    }
    const bytes: Buffer[] = [];
    const isOver = Promise.withResolvers<void>();
    reader.on("data", (part) => {
      bytes.push(Buffer.from(part));
      if (part.includes("event: result")) isOver.resolve();
    });
    reader.resume();
    node.result(offer, "done");
    await isOver.promise;
    reader.destroy();
    const stream = Buffer.concat(bytes).toString();
    expect(stream.length).toBeLessThan((pieces * piece.length) / 2);
    expect(stream).toContain('"response":"done"');
  });
});

/** Resolves when the coordinator has read everything that the node has sent so far. */
async function nodeWasHeard(): Promise<void> {
  node.send({ type: "result", task: noTask, attempt: 1, length: 0, text: "" });
  await node.next("ack", (ack) => ack.task === noTask);
}

describe("a client that goes away", () => {
  for (const kind of ["send", "stream"] as const) {
    test(`cancels its ${kind === "send" ? "plain" : "streamed"} run`, async () => {
      const leaving = new AbortController();
      const going = mesh[kind](`leave ${kind}`, { signal: leaving.signal });
      const offer = await node.nextOffer(`leave ${kind}`);
      if (kind === "stream") await readEvents((await going) as Response).next();
      leaving.abort();
      if (kind === "send") await expect(going).rejects.toThrow();
      expect(await node.next("cancel")).toEqual({ type: "cancel", ...toRef(offer), reason: "cancelled" });
      node.send({ type: "cancelled", ...toRef(offer) });
      await node.next("ack", (ack) => ack.task === offer.task);
      const { body: task } = await mesh.call("GET", `/api/v1/tasks/${offer.task}`);
      expect(task).toMatchObject({ state: "cancelled", cancel_requested: true });
    });

    test(`leaves its ${kind === "send" ? "plain" : "streamed"} run alone when it has a key`, async () => {
      const content = `leave with key ${kind}`;
      const leaving = new AbortController();
      const going = mesh[kind](content, { signal: leaving.signal, key: content });
      const offer = await node.nextOffer(content);
      if (kind === "stream") await readEvents((await going) as Response).next();
      leaving.abort();
      if (kind === "send") await expect(going).rejects.toThrow();
      const again = mesh.send(content, { key: content });
      node.answer(offer, "still there");
      expect((await again).body).toMatchObject({ message_id: offer.task, response: "still there" });
      expect(node.frames.filter((frame) => frame.type === "cancel" && frame.task === offer.task)).toEqual([]);
    });
  }
});

describe("cancel", () => {
  const cancel = (task: string) => mesh.call("POST", `/api/v1/tasks/${task}/cancel`);

  test("stops the run; the client is told when the node confirms", async () => {
    const answering = mesh.send("cancel me");
    const offer = await node.nextOffer("cancel me");
    node.started(offer);
    const { status, body } = await cancel(offer.task);
    expect(status).toBe(202);
    expect(body).toMatchObject({ state: "running", cancel_requested: true });
    expect(await node.next("cancel")).toMatchObject({ task: offer.task, reason: "cancelled" });
    node.send({ type: "cancelled", ...toRef(offer) });
    expect((await answering).body).toMatchObject({ code: "MESSAGE_CANCELLED" });
  });

  test("comes too late for a result that arrives first", async () => {
    const answering = mesh.send("too late");
    const offer = await node.nextOffer("too late");
    node.started(offer);
    await cancel(offer.task);
    await node.next("cancel", (frame) => frame.task === offer.task);
    node.result(offer, "done already");
    expect(await answering).toMatchObject({ status: 200, body: { response: "done already" } });
    expect((await cancel(offer.task)).body).toMatchObject({ state: "succeeded" });
  });

  test("of something unknown says so", async () => {
    const { status, body } = await cancel(noTask);
    expect({ status, code: body.code }).toEqual({ status: 404, code: "TASK_NOT_FOUND" });
  });
});
