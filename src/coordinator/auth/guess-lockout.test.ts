import { expect, test } from "bun:test";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import {
  createGuessLockout,
  failureWindowMs,
  firstLockMs,
  forgetAfterMs,
  maxFailures,
  maxLockMs,
  maxRemembered,
} from "./guess-lockout.ts";

function setUp() {
  const clock = createManualClock();
  const lockout = createGuessLockout(clock);
  const failTimes = (times: number, key = "a") =>
    Array.from({ length: times }, () => lockout.fail(key)).at(-1);
  return { clock, lockout, failTimes };
}

test("the tenth failure within a minute locks for a second, the ninth does not", () => {
  const { lockout, failTimes } = setUp();
  expect(failTimes(maxFailures - 1)).toBe(0);
  expect(lockout.lockedForMs("a")).toBe(0);
  expect(failTimes(1)).toBe(firstLockMs);
  expect(lockout.lockedForMs("a")).toBe(firstLockMs);
});

test("a lock ends by itself", () => {
  const { clock, lockout, failTimes } = setUp();
  failTimes(maxFailures);
  clock.advance(firstLockMs - 1);
  expect(lockout.lockedForMs("a")).toBe(1);
  clock.advance(1);
  expect(lockout.lockedForMs("a")).toBe(0);
});

test("every failure after a lock locks again, twice as long, up to a quarter of an hour", () => {
  const { clock, failTimes } = setUp();
  const locks = [failTimes(maxFailures) ?? 0];
  for (let at = 1; at < 14; at += 1) {
    clock.advance(locks.at(-1) ?? 0);
    locks.push(failTimes(1) ?? 0);
  }
  expect(locks.slice(0, 5)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
  expect(locks.at(-1)).toBe(maxLockMs);
});

test("failures that are rare never lock", () => {
  const { clock, lockout } = setUp();
  for (let at = 0; at < 100; at += 1) {
    expect(lockout.fail("a")).toBe(0);
    clock.advance(failureWindowMs / (maxFailures - 2));
  }
});

test("a long time without a failure makes all forgotten", () => {
  const { clock, failTimes } = setUp();
  failTimes(maxFailures);
  clock.advance(firstLockMs + forgetAfterMs);
  expect(failTimes(maxFailures - 1)).toBe(0);
  expect(failTimes(1)).toBe(firstLockMs);
});

test("a failure during a lock, of a call that was on its way already, does not lengthen it", () => {
  const { clock, lockout, failTimes } = setUp();
  failTimes(maxFailures);
  clock.advance(400);
  expect(failTimes(20)).toBe(0);
  expect(lockout.lockedForMs("a")).toBe(firstLockMs - 400);
});

test("it is quiet until a key is locked, and again when the last lock has ended", () => {
  const { clock, lockout, failTimes } = setUp();
  failTimes(maxFailures - 1);
  expect(lockout.isQuiet()).toBeTrue();
  failTimes(1);
  expect(lockout.isQuiet()).toBeFalse();
  clock.advance(firstLockMs - 1);
  failTimes(maxFailures, "b");
  clock.advance(1);
  expect(lockout.isQuiet()).toBeFalse();
  clock.advance(firstLockMs);
  expect(lockout.isQuiet()).toBeTrue();
});

test("one key's failures are not another's", () => {
  const { lockout, failTimes } = setUp();
  failTimes(maxFailures, "a");
  expect(lockout.lockedForMs("b")).toBe(0);
});

test("only so many keys are remembered, those that failed last", () => {
  const { lockout, failTimes } = setUp();
  failTimes(maxFailures, "first");
  failTimes(maxFailures, "second");
  for (let at = 0; at < maxRemembered - 1; at += 1) lockout.fail(`key-${at}`);
  expect(lockout.lockedForMs("first")).toBe(0);
  expect(lockout.lockedForMs("second")).toBeGreaterThan(0);
});
