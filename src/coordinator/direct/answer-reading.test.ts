import { describe, expect, test } from "bun:test";
import { systemClock } from "../../platform/clock.ts";
import { systemIds } from "../../platform/ids.ts";
import { createSafeFetch } from "../../platform/safe-fetch.ts";
import type { NodeId } from "../../protocol/ids.ts";
import type { OfferFrame } from "../../protocol/link/v1/frames.ts";
import { Secret } from "../../protocol/secret.ts";
import type { AttemptFrame } from "../dispatch/attempt-reports.ts";
import { type AnswerReading, createAnswerReading, maxPromptLength } from "./answer-reading.ts";
import { createCallBudget } from "./call-budget.ts";
import { createDirectLink } from "./direct-link.ts";

const kib = 1024;

describe("the bytes of answers that are being read", () => {
  const [first, second] = [systemIds.node(), systemIds.node()];

  test("are limited for a node, whichever of its answers they belong to", () => {
    const reading = createAnswerReading({ maxNodeBytes: 100, maxBytes: 1000, uncountedBytes: 0 });
    const [one, two] = [reading.begin(first), reading.begin(first)];
    expect([one.take(60), two.take(40), two.take(1), one.take(1)]).toEqual([true, true, false, false]);
    expect(reading.begin(second).take(100)).toBe(true);
  });

  test("are limited for all nodes together, but not those at the beginning of an answer", () => {
    const reading = createAnswerReading({ maxNodeBytes: 100, maxBytes: 150, uncountedBytes: 10 });
    expect(reading.begin(first).take(110)).toBe(true);
    const other = reading.begin(second);
    expect([other.take(60), other.take(1)]).toEqual([true, false]);
    const usual = reading.begin(systemIds.node());
    expect([usual.take(5), usual.take(5), usual.take(1), usual.isBeyond()]).toEqual([
      true,
      true,
      false,
      true,
    ]);
  });

  test("are given back at the end of an answer, once, also of one that was refused", () => {
    const reading = createAnswerReading({ maxNodeBytes: 100, maxBytes: 100, uncountedBytes: 0 });
    const kept = reading.begin(first);
    const refused = reading.begin(first);
    expect([kept.take(90), refused.take(10), refused.take(1)]).toEqual([true, true, false]);
    for (const answer of [kept, kept, refused, refused]) answer.end();
    const next = reading.begin(second);
    expect([next.take(100), next.take(1)]).toEqual([true, false]);
  });
});

const offer = (): OfferFrame => ({
  type: "offer",
  task: systemIds.task(),
  attempt: 1,
  content: "work",
  source: "cli",
  effects: "unsafe",
  timeout_ms: 10_000,
});

/** A link to a real endpoint that ends its calls when it has as many as are waited for, each with a long answer. */
function start(parts: {
  readonly reading: AnswerReading;
  readonly answerLength: number;
  readonly calls: number;
  readonly nodeId: NodeId;
}) {
  const all = Promise.withResolvers<void>();
  let calls = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async () => {
      calls += 1;
      if (calls === parts.calls) all.resolve();
      await all.promise;
      return Response.json({ message_id: "m", node_id: "n", response: "x".repeat(parts.answerLength) });
    },
  });
  const frames: AttemptFrame[] = [];
  let wake = () => {};
  const budget = createCallBudget(parts.calls);
  const link = createDirectLink({
    nodeId: parts.nodeId,
    target: () => ({
      endpoint: `127.0.0.1:${server.port}`,
      origin: `http://127.0.0.1:${server.port}`,
      token: new Secret("secret"),
    }),
    safeFetch: createSafeFetch({ clock: systemClock, allowPrivate: true }),
    budget,
    reading: parts.reading,
    clock: systemClock,
    probe: () => Promise.resolve(true),
    lastSeenMs: () => 0,
    onFrame: (_, frame) => {
      frames.push(frame);
      wake();
    },
    onOutcome: () => {},
    onDrain: () => {},
    onClosed: () => {},
  });
  for (let call = 0; call < parts.calls; call += 1) link.send(offer());
  return {
    frames,
    link,
    budget,
    untilFrames: async (count: number) => {
      while (frames.length < count) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
    },
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

describe("an endpoint that ends all of its calls at once with long answers", () => {
  test("has those failed as too large that go beyond its limit, and others again afterwards", async () => {
    const limits = { maxNodeBytes: 1200 * kib, maxBytes: 4000 * kib, uncountedBytes: 0 };
    // Nothing is taken over, and so given back, before all answers have come.
    const turn = Promise.withResolvers<void>();
    const reading = createAnswerReading({ ...limits, nextTurn: () => turn.promise });
    const nodeId = systemIds.node();
    await using held = start({ nodeId, reading, answerLength: 500 * kib, calls: 8 });
    // With every interleaving of eight answers, two at most are kept whole.
    await held.untilFrames(6);
    for (const frame of held.frames) {
      expect(frame).toMatchObject({ type: "failed", failure: { class: "too_large" } });
    }
    turn.resolve();
    await held.untilFrames(8);
    expect(held.frames.filter(({ type }) => type === "result").length).toBeLessThanOrEqual(2);
    expect([held.link.callCount(), held.budget.take()]).toEqual([0, true]);
    await using next = start({ nodeId, reading, answerLength: 1100 * kib, calls: 1 });
    await next.untilFrames(1);
    expect(next.frames).toMatchObject([{ type: "result", length: 1100 * kib }]);
  });

  test("has one of them taken over in a turn of the loop", async () => {
    const turns: (() => void)[] = [];
    let onTurn = () => {};
    const reading = createAnswerReading({
      nextTurn: () =>
        new Promise((resolve) => {
          turns.push(resolve);
          onTurn();
        }),
    });
    await using held = start({ nodeId: systemIds.node(), reading, answerLength: maxPromptLength, calls: 5 });
    for (let taken = 0; taken < 5; taken += 1) {
      if (turns.length === taken) await new Promise<void>((resolve) => (onTurn = resolve));
      expect([held.frames.length, turns.length]).toEqual([taken, taken + 1]);
      turns[taken]?.();
      await held.untilFrames(taken + 1);
    }
    expect(held.frames.map(({ type }) => type)).toEqual(Array.from({ length: 5 }, () => "result"));
  });

  test("has short answers taken over without a turn", async () => {
    const reading = createAnswerReading({ nextTurn: () => new Promise(() => {}) });
    await using held = start({ nodeId: systemIds.node(), reading, answerLength: 1000, calls: 5 });
    await held.untilFrames(5);
    expect(held.frames.map(({ type }) => type)).toEqual(Array.from({ length: 5 }, () => "result"));
  });
});
