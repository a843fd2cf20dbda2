import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createManualClock } from "../../test/support/manual-clock.ts";
import { createDeadlines, resolutionMs } from "./deadlines.ts";

function create() {
  const clock = createManualClock();
  const deadlines = createDeadlines(clock);
  const fired: string[] = [];
  const set = (name: string, delayMs: number) => deadlines.in(delayMs, () => fired.push(name));
  return { clock, deadlines, fired, set };
}

describe("a deadline", () => {
  test("fires once, never early and at most the resolution late", () => {
    const { clock, fired, set } = create();
    clock.advance(7);
    set("x", 100);
    clock.advance(99);
    expect(fired).toEqual([]);
    clock.advance(1 + resolutionMs);
    expect(fired).toEqual(["x"]);
    clock.advance(1000);
    expect(fired).toEqual(["x"]);
  });

  test("of a past time fires at the next chance, not within the call", () => {
    const { clock, fired, set } = create();
    set("now", 0);
    set("past", -50);
    expect(fired).toEqual([]);
    clock.advance(resolutionMs);
    expect(fired).toEqual(["now", "past"]);
  });

  test("that is forgotten does not fire, and forgetting twice does no harm", () => {
    const { clock, fired, set } = create();
    const forget = set("a", 100);
    set("b", 100);
    forget();
    forget();
    clock.advance(200);
    expect(fired).toEqual(["b"]);
    forget();
    set("c", 100);
    clock.advance(200);
    expect(fired).toEqual(["b", "c"]);
  });

  test("can be forgotten by another that fires in the same turn", () => {
    const { clock, deadlines, fired, set } = create();
    deadlines.in(100, () => forget());
    const forget = set("forgotten", 100);
    clock.advance(200);
    expect(fired).toEqual([]);
  });

  test("may be set by another that fires, even for at once", () => {
    const { clock, deadlines, fired, set } = create();
    deadlines.in(100, () => set("next", 0));
    clock.advance(100 + 3 * resolutionMs);
    expect(fired).toEqual(["next"]);
  });

  test("earlier than the ones before is not late for them", () => {
    const { clock, fired, set } = create();
    set("late", 10_000);
    set("early", 50);
    clock.advance(50 + resolutionMs);
    expect(fired).toEqual(["early"]);
    clock.advance(10_000);
    expect(fired).toEqual(["early", "late"]);
  });

  test("fires after a standstill of the process", () => {
    const { clock, fired, set } = create();
    set("a", 100);
    set("b", 200);
    clock.stall(5000);
    clock.advance(0);
    expect(fired).toEqual(["a", "b"]);
  });

  test("does not fire after stop, nor does one that is set then", () => {
    const { clock, deadlines, fired, set } = create();
    const forget = set("before", 100);
    deadlines.stop();
    set("after", 100)();
    forget();
    clock.advance(1000);
    expect(fired).toEqual([]);
    expect(clock.timerCount()).toBe(0);
  });

  test("that throws keeps none of the others from theirs, and the fault is heard", () => {
    const clock = createManualClock();
    const faults: unknown[] = [];
    const deadlines = createDeadlines(clock, (error) => faults.push(error));
    const fired: string[] = [];
    const fault = new Error("a fault");
    deadlines.in(100, () => {
      throw fault;
    });
    deadlines.in(100, () => fired.push("same tick"));
    deadlines.in(100 + resolutionMs, () => fired.push("next tick"));
    deadlines.in(1_000, () => fired.push("later"));
    clock.stall(100 + 3 * resolutionMs);
    clock.advance(0);
    expect(fired).toEqual(["same tick", "next tick"]);
    clock.advance(1_000);
    expect(fired).toEqual(["same tick", "next tick", "later"]);
    expect(faults).toEqual([fault]);
  });

  test("needs one timer of the platform, however many there are", () => {
    const { clock, set } = create();
    for (let index = 0; index < 1000; index += 1) set("x", index * 7);
    expect(clock.timerCount()).toBe(1);
  });

  test("whatever is set and forgotten: each fires once within its time, unless it was forgotten before", () => {
    const action = fc.oneof(
      fc.record({ kind: fc.constant("set" as const), ms: fc.integer({ min: 0, max: 500 }) }),
      fc.record({ kind: fc.constant("forget" as const), which: fc.nat() }),
      fc.record({ kind: fc.constant("advance" as const), ms: fc.integer({ min: 0, max: 300 }) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const clock = createManualClock();
        const deadlines = createDeadlines(clock);
        const all: { dueMs: number; firedMs: number[]; forgottenMs: number | null; forget: () => void }[] =
          [];
        for (const one of actions) {
          if (one.kind === "set") {
            const entry = {
              dueMs: clock.monotonicMs() + one.ms,
              firedMs: [] as number[],
              forgottenMs: null,
              forget: () => undefined as undefined,
            };
            const forget = deadlines.in(one.ms, () => entry.firedMs.push(clock.monotonicMs()));
            all.push({ ...entry, firedMs: entry.firedMs, forget });
          } else if (one.kind === "forget") {
            const entry = all[one.which % Math.max(1, all.length)];
            entry?.forget();
            if (entry !== undefined) entry.forgottenMs ??= clock.monotonicMs();
          } else {
            clock.advance(one.ms);
          }
        }
        clock.advance(1000);
        for (const { dueMs, firedMs, forgottenMs } of all) {
          expect(firedMs.length).toBeLessThanOrEqual(1);
          const [at] = firedMs;
          if (at !== undefined) expect(at - dueMs).toBeWithin(0, resolutionMs + 0.001);
          if (at === undefined) expect(forgottenMs).not.toBeNull();
          if (at !== undefined && forgottenMs !== null) expect(at).toBeLessThanOrEqual(forgottenMs);
        }
        expect(clock.timerCount()).toBe(0);
      }),
    );
  });
});
