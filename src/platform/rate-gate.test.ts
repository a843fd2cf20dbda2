import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../test/support/manual-clock.ts";
import { createRateGate } from "./rate-gate.ts";

function start(maxKeys = 10) {
  const clock = createManualClock();
  return { clock, ...createRateGate({ burst: 3, everyMs: 1_000, maxKeys, clock }) };
}

describe("a rate gate", () => {
  test("lets a burst through, then one for each interval", () => {
    const { clock, take } = start();
    expect([1, 2, 3, 4].map(() => take("a"))).toEqual([true, true, true, false]);
    clock.advance(999);
    expect(take("a")).toBeFalse();
    clock.advance(1);
    expect([take("a"), take("a")]).toEqual([true, false]);
    clock.advance(60_000);
    expect([1, 2, 3, 4].map(() => take("a"))).toEqual([true, true, true, false]);
  });

  test("counts each on its own", () => {
    const { take } = start();
    for (let taken = 0; taken < 4; taken += 1) take("a");
    expect(take("b")).toBeTrue();
  });

  test("that remembers too many forgets the one who was here longest ago", () => {
    const { take } = start(2);
    for (const key of ["a", "a", "a", "b", "c"]) expect(take(key)).toBeTrue();
    expect(take("a")).toBeTrue();
  });
});
