import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type BreakerEvent,
  type BreakerState,
  closedBreaker,
  failuresToOpen,
  firstCooldownMs,
  maxCooldownMs,
  nextBreaker,
  voidPauseMs,
} from "./circuit-breaker.ts";

const failed = (isProbe: boolean): BreakerEvent => ({ kind: "failed", isProbe });
const sent: BreakerEvent = { kind: "sent" };
const lookedAt: BreakerEvent = { kind: "looked_at" };

/** Runs events at one moment, without jitter. */
function run(state: BreakerState, nowMs: number, ...events: readonly BreakerEvent[]): BreakerState {
  return events.reduce((before, event) => nextBreaker(before, event, { nowMs, random: 0 }), state);
}

const fiveFailures = Array.from({ length: failuresToOpen }, () => failed(false));
const opened = run(closedBreaker, 0, ...fiveFailures);

describe("a circuit breaker", () => {
  test("opens at the fifth failure in a row", () => {
    expect(run(closedBreaker, 0, ...fiveFailures.slice(1))).toEqual({ kind: "closed", failures: 4 });
    expect(opened).toEqual({ kind: "open", untilMs: firstCooldownMs, cooldownMs: firstCooldownMs });
  });

  test("counts anew after a success", () => {
    const four = fiveFailures.slice(1);
    expect(run(closedBreaker, 0, ...four, { kind: "succeeded" }, ...four).kind).toBe("closed");
  });

  test("stays open until its time is over, then is half-open", () => {
    expect(run(opened, firstCooldownMs - 1, lookedAt)).toBe(opened);
    expect(run(opened, firstCooldownMs, lookedAt)).toMatchObject({ kind: "half_open", isProbing: false });
  });

  test("closes when the probe succeeds", () => {
    expect(run(opened, firstCooldownMs, lookedAt, sent, { kind: "succeeded" })).toBe(closedBreaker);
  });

  test("opens for twice as long when the probe fails, up to two minutes", () => {
    let state = opened;
    const cooldowns: number[] = [];
    for (let nowMs = 0; cooldowns.length < 7; nowMs += maxCooldownMs) {
      state = run(state, nowMs + maxCooldownMs, lookedAt, sent, failed(true));
      if (state.kind === "open") cooldowns.push(state.cooldownMs);
    }
    expect(cooldowns).toEqual([10_000, 20_000, 40_000, 80_000, 120_000, 120_000, 120_000]);
  });

  test("is not kept open by attempts that were under way when it opened", () => {
    expect(run(opened, 3000, failed(false))).toBe(opened);
    const half = run(opened, firstCooldownMs, lookedAt);
    expect(run(half, firstCooldownMs, failed(false))).toBe(half);
  });

  test("asks again after a second when a probe said nothing, without growing more patient", () => {
    const state = run(opened, firstCooldownMs, lookedAt, sent, { kind: "probe_void" });
    expect(state).toEqual({
      kind: "open",
      untilMs: firstCooldownMs + voidPauseMs,
      cooldownMs: firstCooldownMs,
    });
  });

  test("opens for longer when a message that was let through as a last resort fails too", () => {
    expect(run(opened, 1000, sent, failed(true))).toMatchObject({ kind: "open", cooldownMs: 10_000 });
  });

  test("is closed by a message that was let through as a last resort", () => {
    expect(run(opened, 1000, sent, { kind: "succeeded" })).toBe(closedBreaker);
  });

  test("forgets all when what failed is gone", () => {
    expect(run(opened, 0, { kind: "reset" })).toBe(closedBreaker);
  });
});

const anyEvent: fc.Arbitrary<BreakerEvent> = fc.oneof(
  { weight: 4, arbitrary: fc.boolean().map(failed) },
  fc.constantFrom<BreakerEvent>({ kind: "succeeded" }, sent, { kind: "probe_void" }, lookedAt, lookedAt, {
    kind: "reset",
  }),
);
const anyStep = fc.record({
  event: anyEvent,
  afterMs: fc.nat(60_000),
  random: fc.double({ min: 0, max: 0.999_999, noNaN: true }),
});

/** Checks what has to hold after every event of any history. */
function assertAlways(
  check: (before: BreakerState, event: BreakerEvent, after: BreakerState, nowMs: number) => void,
): void {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
      let state = closedBreaker;
      let nowMs = 0;
      for (const { event, afterMs, random } of steps) {
        nowMs += afterMs;
        const after = nextBreaker(state, event, { nowMs, random });
        check(state, event, after, nowMs);
        state = after;
      }
    }),
  );
}

describe("whatever happens", () => {
  test("it never stays open for longer than two minutes, nor for less than a second", () => {
    assertAlways((before, _event, after, nowMs) => {
      if (after.kind !== "open" || after === before) return;
      expect(after.untilMs - nowMs).toBeLessThanOrEqual(maxCooldownMs);
      expect(after.untilMs - nowMs).toBeGreaterThanOrEqual(voidPauseMs);
      expect(after.cooldownMs).toBeLessThanOrEqual(maxCooldownMs);
      expect(after.cooldownMs).toBeGreaterThanOrEqual(firstCooldownMs);
    });
  });

  test("it opens by a failure or a void probe only, and leaves its rest only when its time is over or a success says so", () => {
    assertAlways((before, event, after, nowMs) => {
      if (after.kind === "open" && before.kind !== "open")
        expect(["failed", "probe_void"]).toContain(event.kind);
      if (before.kind === "open" && after.kind === "half_open")
        expect(nowMs).toBeGreaterThanOrEqual(before.untilMs);
      if (before.kind !== "closed" && after.kind === "closed")
        expect(["succeeded", "reset"]).toContain(event.kind);
    });
  });

  test("a success closes it from anywhere, and looking at it late enough lets one probe go", () => {
    assertAlways((_before, _event, after, nowMs) => {
      expect(nextBreaker(after, { kind: "succeeded" }, { nowMs, random: 0 })).toBe(closedBreaker);
      const later = { nowMs: nowMs + maxCooldownMs, random: 0 };
      if (after.kind === "open") {
        expect(nextBreaker(after, lookedAt, later)).toMatchObject({ kind: "half_open", isProbing: false });
      }
    });
  });
});
