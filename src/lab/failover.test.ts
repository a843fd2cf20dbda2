import { describe, expect, test } from "bun:test";
import { findFailovers, toDistribution } from "./failover.ts";
import type { AttemptRecord } from "./task-book.ts";

const attempt = (change: Partial<AttemptRecord>): AttemptRecord => ({
  ...{ node: "lab-01", state: "lost", offeredAtMs: 900, endedAtMs: 1500, failure: "lost_after_start" },
  ...change,
});
const second = attempt({
  node: "lab-02",
  state: "finished",
  offeredAtMs: 1510,
  endedAtMs: 1600,
  failure: null,
});
const kills = [{ node: "lab-01", atMs: 1000 }];

describe("a failover", () => {
  test("lasts from the kill to the next offer", () => {
    expect(findFailovers([attempt({}), second], kills, [])).toMatchObject([
      { node: "lab-01", ms: 510, isDisturbed: false },
    ]);
  });

  test.each([
    ["another node was killed", attempt({ node: "lab-03" })],
    ["the attempt was offered after the kill", attempt({ offeredAtMs: 1100 })],
    ["the attempt had ended before the kill", attempt({ endedAtMs: 990 })],
    ["the attempt was not lost", attempt({ state: "refused" })],
  ])("is none when %s", (_, first) => {
    expect(findFailovers([first, second], kills, [])).toEqual([]);
  });

  test("is none without a next attempt", () => {
    expect(findFailovers([attempt({})], kills, [])).toEqual([]);
  });

  test.each([
    [{ fromMs: 0, toMs: 999 }, false],
    [{ fromMs: 0, toMs: 1001 }, true],
    [{ fromMs: 1505, toMs: 1700 }, true],
    [{ fromMs: 1511, toMs: 1700 }, false],
  ])("is disturbed when the coordinator was away in between (%p)", (span, isDisturbed) => {
    expect(findFailovers([attempt({}), second], kills, [span])).toMatchObject([{ ms: 510, isDisturbed }]);
  });
});

test("percentiles are values that occurred", () => {
  const values = Array.from({ length: 200 }, (_, index) => index + 1);
  expect(toDistribution(values)).toEqual({ count: 200, p50_ms: 100, p99_ms: 198, max_ms: 200 });
  expect(toDistribution([5])).toEqual({ count: 1, p50_ms: 5, p99_ms: 5, max_ms: 5 });
  expect(toDistribution([])).toEqual({ count: 0, p50_ms: null, p99_ms: null, max_ms: null });
});
