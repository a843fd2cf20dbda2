import { describe, expect, test } from "bun:test";
import { beatIntervalMs, hasSlept, isSilent, wasStalled } from "./liveness.ts";

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

  test("knows sleep by the wall clock running away from the monotonic one", () => {
    expect(hasSlept(20_000, 1_000, 5_000)).toBe(true);
    expect(hasSlept(1_100, 1_000, 5_000)).toBe(false);
    expect(hasSlept(-3_600_000, 1_000, 5_000)).toBe(false);
  });
});
