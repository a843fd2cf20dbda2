import { describe, expect, test } from "bun:test";
import { beatIntervalMs, isSilent, sleptMs, wasStalled } from "./liveness.ts";

describe("liveness", () => {
  test.each([
    [0, 5_000],
    [2_500, 5_000],
    [5_000, 10_000],
    [10_000, 20_000],
  ])("beats of a mesh of %d nodes are %d ms apart", (nodes, beatMs) => {
    expect(beatIntervalMs(nodes)).toBe(beatMs);
  });

  test("gives a peer up after three missed beats, not before", () => {
    expect(isSilent(1_000, 16_000, 5_000)).toBe(false);
    expect(isSilent(1_000, 16_001, 5_000)).toBe(true);
  });

  test("blames itself when its own timer ran late by more than a beat", () => {
    expect(wasStalled(1_000, 5_900, 5_000)).toBe(false);
    expect(wasStalled(1_000, 6_001, 5_000)).toBe(true);
  });

  test.each([
    ["the machine slept: only the clock on the wall went on", 60_500, 500, 60_000],
    ["this process stood still, and both clocks went on", 60_500, 60_500, 60_000],
    [
      "the monotonic clock counts sleep, and the one on the wall was set back meanwhile",
      -3_000,
      60_500,
      60_000,
    ],
    ["a busy machine", 2_400, 2_400, 0],
    ["nothing", 501, 501, 0],
    ["the clock on the wall was set back", -3_600_000, 500, 0],
  ])("knows how long there was nobody here: %s", (_, wallElapsedMs, monotonicElapsedMs, expected) => {
    expect(sleptMs({ delayMs: 500, wallElapsedMs, monotonicElapsedMs })).toBe(expected);
  });
});
