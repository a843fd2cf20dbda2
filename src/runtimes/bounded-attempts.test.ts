import { describe, expect, test } from "bun:test";
import { createAttempt } from "../../test/contract/runtime-subject.ts";
import { systemClock } from "../platform/clock.ts";
import { createBoundedAttempts, toStoppedOutcome } from "./bounded-attempts.ts";
import type { RunOutcome } from "./runtime.ts";

const control = () => ({
  onChunk: () => {},
  onRecovering: () => {},
  signal: new AbortController().signal,
});
/** Runs until it is stopped, and settles with what the stop is said to have come to. */
const untilStopped = (toOutcome: (reason: unknown) => RunOutcome) => (signal: AbortSignal) =>
  new Promise<RunOutcome>((resolve) => {
    signal.addEventListener("abort", () => resolve(toOutcome(signal.reason)), { once: true });
  });

describe("a fence of an attempt", () => {
  const stopped = (isFenced: boolean) => (reason: unknown) =>
    toStoppedOutcome(reason, { isStarted: true, isFenced });
  test.each([
    ["certain when it is known to have stopped", stopped(true), true],
    ["not certain when it is not", stopped(false), false],
    ["certain when it had ended anyway", (): RunOutcome => ({ kind: "succeeded", text: "done" }), true],
  ])("is %s", async (_, toOutcome, isFenced) => {
    const attempts = createBoundedAttempts(systemClock);
    const attempt = createAttempt("hello");
    const run = attempts.run(attempt, control(), untilStopped(toOutcome));
    expect(await attempts.fence(attempt.key)).toBe(isFenced);
    await run;
    expect(await attempts.fence(attempt.key)).toBe(false);
  });

  test("is certain while it waits for another one of its session", async () => {
    const attempts = createBoundedAttempts(systemClock);
    const parts = { session: { key: "1".repeat(32), name: "lake" } };
    const [first, second] = [createAttempt("first", parts), createAttempt("second", parts)];
    const runs = [first, second].map((attempt) =>
      attempts.run(attempt, control(), untilStopped(stopped(false))),
    );
    expect(await attempts.fence(second.key)).toBe(true);
    await attempts.close();
    expect(await Promise.all(runs)).toMatchObject([
      { kind: "lost", started: true, fenced: false },
      { kind: "lost", started: false, fenced: true },
    ]);
  });
});
