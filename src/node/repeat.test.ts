import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../test/support/manual-clock.ts";
import { repeat } from "./repeat.ts";

describe("what is repeated", () => {
  const fault = new Error("a fault");
  const failing: readonly [string, () => void | Promise<void>][] = [
    [
      "that throws",
      () => {
        throw fault;
      },
    ],
    ["that rejects", () => Promise.reject(fault)],
  ];
  test.each(failing)("goes on after a call %s, and the fault is heard", async (_how, fail) => {
    const clock = createManualClock();
    const faults: unknown[] = [];
    let calls = 0;
    repeat(
      () => {
        calls += 1;
        return fail();
      },
      { clock, everyMs: 100, onFault: (error) => faults.push(error) },
    );
    clock.advance(300);
    await Promise.resolve();
    expect(calls).toBe(3);
    expect(faults).toEqual([fault, fault, fault]);
  });

  test("begins after one interval and ends when it is cancelled, also within a call", () => {
    const clock = createManualClock();
    let calls = 0;
    const cancel = repeat(
      () => {
        calls += 1;
        if (calls === 2) cancel();
      },
      { clock, everyMs: 100, onFault: () => {} },
    );
    expect(calls).toBe(0);
    clock.advance(1_000);
    expect(calls).toBe(2);
    expect(clock.timerCount()).toBe(0);
  });
});
