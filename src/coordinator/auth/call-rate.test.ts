import { expect, test } from "bun:test";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { MeshError } from "../../protocol/errors.ts";
import { createCallRate } from "./call-rate.ts";

function setUp(perMinute: number) {
  const clock = createManualClock();
  const rate = createCallRate(perMinute, clock);
  const take = () => {
    try {
      rate.take();
      return null;
    } catch (error) {
      return error instanceof MeshError ? error : null;
    }
  };
  return { clock, take };
}

test("a minute's calls may be made at once, and then no more", () => {
  const { take } = setUp(3);
  expect([take(), take(), take()]).toEqual([null, null, null]);
  expect(take()).toMatchObject({ code: "RATE_LIMITED", details: { retry_after_s: 20 } });
});

test("after the time that the refusal names there is one more", () => {
  const { clock, take } = setUp(3);
  for (let at = 0; at < 3; at += 1) take();
  clock.advance(19_999);
  expect(take()).not.toBeNull();
  clock.advance(1);
  expect(take()).toBeNull();
  expect(take()).not.toBeNull();
});

test("an idle hour saves no more than a minute's calls", () => {
  const { clock, take } = setUp(2);
  clock.advance(3_600_000);
  expect([take(), take()]).toEqual([null, null]);
  expect(take()).not.toBeNull();
});

test.each([1, 7, 60, 1_000_000])("%i a minute, asked for evenly, are %i a minute", (perMinute) => {
  const { clock, take } = setUp(perMinute);
  const calls = Math.min(perMinute, 1000);
  for (let at = 0; at < 3 * calls; at += 1) {
    expect(take()).toBeNull();
    clock.advance(60_000 / perMinute);
  }
});
