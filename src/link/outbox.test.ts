import { describe, expect, test } from "bun:test";
import type { TaskId } from "../protocol/ids.ts";
import { batchBytes, type CoordinatorFrame } from "../protocol/link/v1/frames.ts";
import { createOutbox, maxOutboxBytes } from "./outbox.ts";

const task = `task_${"0".repeat(32)}` as TaskId;
const ack = (attempt: number): CoordinatorFrame => ({ type: "ack", task, attempt });
const offer = (length: number): CoordinatorFrame => ({
  type: "offer",
  task,
  attempt: 1,
  content: "x".repeat(length),
  source: "test",
  effects: "safe",
  timeout_ms: 1,
});

/** A socket that takes everything until told otherwise, and turns that end when told. */
function setUp() {
  const written: string[] = [];
  const turns: (() => void)[] = [];
  const state = { answer: null as number | null, buffered: 0, tooSlow: 0 };
  const outbox = createOutbox<CoordinatorFrame>({
    socket: {
      write: (text) => {
        if (state.answer !== 0) written.push(text);
        return state.answer ?? text.length;
      },
      bufferedBytes: () => state.buffered,
    },
    scheduleTurn: (callback) => turns.push(callback),
    onTooSlow: () => {
      state.tooSlow += 1;
    },
  });
  const endTurn = () => {
    for (const callback of turns.splice(0)) callback();
  };
  const attempts = () =>
    written.map((text) => JSON.parse(text).map((frame: { attempt: number }) => frame.attempt));
  return { outbox, written, state, endTurn, attempts, turns };
}

describe("outbox", () => {
  test("writes the first frame after a quiet turn at once, and the rest of each busy turn as one message", () => {
    const { outbox, attempts, endTurn, turns } = setUp();
    for (const attempt of [1, 2, 3]) outbox.send(ack(attempt));
    expect(attempts()).toEqual([[1]]);
    endTurn();
    expect(attempts()).toEqual([[1], [2, 3]]);
    outbox.send(ack(4));
    expect(attempts()).toEqual([[1], [2, 3]]);
    endTurn();
    expect(attempts()).toEqual([[1], [2, 3], [4]]);
    endTurn();
    expect(turns.length).toBe(0);
    outbox.send(ack(5));
    expect(attempts()).toEqual([[1], [2, 3], [4], [5]]);
  });

  test("closes a batch when enough bytes are together, without waiting for the turn", () => {
    const { outbox, written } = setUp();
    outbox.send(ack(1));
    outbox.send(offer(batchBytes / 2));
    expect(written.length).toBe(1);
    outbox.send(offer(batchBytes / 2));
    expect(written.length).toBe(3);
    for (const text of written) expect(text.length).toBeLessThanOrEqual(batchBytes + 200);
  });

  test("holds frames while the socket has bytes waiting, and goes on in order", () => {
    const { outbox, state, attempts, endTurn } = setUp();
    state.answer = -1;
    for (const attempt of [1, 2, 3]) outbox.send(ack(attempt));
    endTurn();
    expect(attempts()).toEqual([[1]]);
    state.answer = null;
    outbox.resume();
    expect(attempts()).toEqual([[1], [2, 3]]);
  });

  test("hands back exactly the frames that were never written", () => {
    const { outbox, state, endTurn } = setUp();
    outbox.send(ack(1));
    outbox.send(ack(2));
    state.answer = -1;
    endTurn();
    outbox.send(ack(3));
    outbox.halt();
    outbox.send(ack(4));
    expect(outbox.close()).toEqual([ack(3), ack(4)]);
  });

  test("takes a dropped message as never written", () => {
    const { outbox, state, endTurn } = setUp();
    outbox.send(ack(1));
    outbox.send(ack(2));
    state.answer = 0;
    endTurn();
    expect(state.tooSlow).toBe(1);
    expect(outbox.close()).toEqual([ack(2)]);
  });

  test("gives a peer up once when more waits than the limit", () => {
    const { outbox, state } = setUp();
    state.answer = -1;
    outbox.send(ack(1));
    state.buffered = maxOutboxBytes - 1_000_000;
    outbox.send(offer(900_000));
    expect(state.tooSlow).toBe(0);
    outbox.send(offer(200_000));
    outbox.send(offer(200_000));
    expect(state.tooSlow).toBe(1);
  });

  test("refuses a frame that no message can hold", () => {
    const { outbox } = setUp();
    expect(() => outbox.send(offer(4 * 1024 * 1024))).toThrow("does not fit");
  });
});
