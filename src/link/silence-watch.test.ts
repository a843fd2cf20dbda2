import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../test/support/manual-clock.ts";
import { createSilenceWatch } from "./silence-watch.ts";

function setUp() {
  const clock = createManualClock();
  const reasons: string[] = [];
  const watch = createSilenceWatch({ clock, onSilent: (reason) => reasons.push(reason) });
  watch.start(1_000);
  return { clock, watch, reasons };
}

describe("the watch over a silent peer", () => {
  test("bears three beats without a word, not more, and tells once", () => {
    const { clock, reasons } = setUp();
    clock.advance(3_000);
    expect(reasons).toEqual([]);
    clock.advance(250);
    expect(reasons).toEqual(["no sign of life"]);
    clock.advance(10_000);
    expect(reasons.length).toBe(1);
    expect(clock.timerCount()).toBe(0);
  });

  test("begins again with every sign of life", () => {
    const { clock, watch, reasons } = setUp();
    clock.advance(2_900);
    watch.heard();
    clock.advance(2_900);
    expect(reasons).toEqual([]);
    clock.advance(400);
    expect(reasons).toEqual(["no sign of life"]);
  });

  test("proves nothing by a silence in which this process itself stood still", () => {
    const { clock, reasons } = setUp();
    clock.stall(60_000);
    clock.advance(2_500);
    expect(reasons).toEqual([]);
    clock.advance(1_000);
    expect(reasons).toEqual(["no sign of life"]);
  });

  test("tells nothing after its stop", () => {
    const { clock, watch, reasons } = setUp();
    watch.stop();
    clock.advance(60_000);
    expect(reasons).toEqual([]);
  });
});
