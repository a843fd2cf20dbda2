import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../test/support/manual-clock.ts";
import { createWakeWatch, wakeLookMs } from "./wake-watch.ts";

function setUp() {
  const clock = createManualClock();
  const wakes: number[] = [];
  const watch = createWakeWatch({ clock, onWake: (sleptMs) => wakes.push(sleptMs) });
  watch.start();
  return { clock, watch, wakes };
}

describe("the watch for a wake", () => {
  test("tells nothing of a machine that is awake", () => {
    const { clock, wakes } = setUp();
    clock.advance(600_000);
    expect(wakes).toEqual([]);
  });

  test("tells half a second after the wake at most, once for each sleep, and for how long it was", () => {
    const { clock, wakes } = setUp();
    clock.advance(3 * wakeLookMs + 100);
    clock.skipWall(8 * 3_600_000);
    clock.advance(wakeLookMs);
    expect(wakes).toEqual([8 * 3_600_000]);
    clock.advance(60_000);
    clock.skipWall(10_000);
    clock.advance(wakeLookMs);
    expect(wakes).toEqual([8 * 3_600_000, 10_000]);
  });

  test("tells of a process that was stopped, at its first turn", () => {
    const { clock, wakes } = setUp();
    clock.stall(20_000);
    clock.advance(0);
    expect(wakes).toEqual([20_000 - wakeLookMs]);
  });

  test("tells nothing after its stop, and leaves no timer", () => {
    const { clock, watch, wakes } = setUp();
    watch.stop();
    clock.skipWall(60_000);
    clock.advance(60_000);
    expect(wakes).toEqual([]);
    expect(clock.timerCount()).toBe(0);
  });

  test("may be stopped by whom it tells", () => {
    const clock = createManualClock();
    const watch = createWakeWatch({ clock, onWake: () => watch.stop() });
    watch.start();
    clock.skipWall(60_000);
    clock.advance(wakeLookMs);
    expect(clock.timerCount()).toBe(0);
  });
});
