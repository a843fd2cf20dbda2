import { expect, test } from "bun:test";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { createDeadlines } from "../../platform/deadlines.ts";
import { createWallDeadlines, lookEveryMs, maxFiredAtOnce } from "./wall-deadlines.ts";

function create() {
  const clock = createManualClock();
  const faults: unknown[] = [];
  const wall = createWallDeadlines(
    clock,
    createDeadlines(clock, (error) => faults.push(error)),
  );
  const fired: string[] = [];
  const set = (name: string, inMs: number) => wall.at(clock.nowMs() + inMs, () => fired.push(name));
  return { clock, wall, fired, faults, set };
}

test("a moment fires once, in the order of time, never early", () => {
  const { clock, fired, set } = create();
  set("later", 5_000);
  set("soon", 300);
  set("past", -10);
  clock.advance(280);
  expect(fired).toEqual(["past"]);
  clock.advance(40);
  expect(fired).toEqual(["past", "soon"]);
  clock.advance(4_660);
  expect(fired).toHaveLength(2);
  clock.advance(1_000);
  expect(fired).toEqual(["past", "soon", "later"]);
  clock.advance(60_000);
  expect(fired).toHaveLength(3);
});

test("a moment a year away neither fires early nor is lost, and a clock that is set forward is noticed", () => {
  const yearMs = 365 * 24 * 3_600_000;
  const { clock, fired, set } = create();
  set("next year", yearMs);
  clock.advance(5 * lookEveryMs);
  expect(fired).toEqual([]);
  clock.skipWall(yearMs);
  clock.advance(lookEveryMs + 20);
  expect(fired).toEqual(["next year"]);
});

test("a clock that is set back makes a moment come later, not never", () => {
  const { clock, fired, set } = create();
  set("x", 2_000);
  clock.skipWall(-10_000);
  clock.advance(11_900);
  expect(fired).toEqual([]);
  clock.advance(200);
  expect(fired).toEqual(["x"]);
});

test("one that is forgotten does not fire, and one that throws keeps no other from its time", () => {
  const { clock, wall, fired, faults, set } = create();
  wall.at(clock.nowMs() + 10, () => {
    throw new Error("broken");
  });
  set("a", 20);
  const forget = set("b", 20);
  forget();
  forget();
  clock.advance(100);
  expect(fired).toEqual(["a"]);
  expect(faults).toHaveLength(1);
});

test("many of the same moment fire in the order in which they were set, a part of them at a time", () => {
  const clock = createManualClock();
  const deadlines = createDeadlines(clock);
  const fired: string[] = [];
  const most: number[] = [];
  const noting = (callback: () => void) => () => {
    const before = fired.length;
    callback();
    most.push(fired.length - before);
  };
  const wall = createWallDeadlines(clock, {
    ...deadlines,
    in: (delayMs, callback) => deadlines.in(delayMs, noting(callback)),
  });
  const names = Array.from({ length: maxFiredAtOnce + 10 }, (_, index) => `${index}`);
  for (const name of names) wall.at(clock.nowMs() + 100, () => fired.push(name));
  clock.advance(200);
  expect(fired).toEqual(names);
  expect(Math.max(...most)).toBe(maxFiredAtOnce);
});
