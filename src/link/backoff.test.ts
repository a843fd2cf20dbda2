import { describe, expect, test } from "bun:test";
import { createSeededRandom } from "../platform/random.ts";
import { nextBackoffMs } from "./backoff.ts";

const never = { next: () => 0 };
const most = { next: () => 0.999_999 };

describe("reconnect backoff", () => {
  test("doubles from a quarter of a second up to the cap", () => {
    const steps = [1, 2, 3, 4, 5, 50].map((failures) => nextBackoffMs(failures, 2_000, never) / 0.5);
    expect(steps).toEqual([250, 500, 1_000, 2_000, 2_000, 2_000]);
  });

  test("never waits for as long as the cap, so that a cap of 2 s means back within 2 s", () => {
    for (let failures = 1; failures < 40; failures += 1) {
      expect(nextBackoffMs(failures, 2_000, most)).toBeLessThanOrEqual(1_800);
    }
  });

  test("spreads nodes that failed together", () => {
    const random = createSeededRandom(7);
    const waits = Array.from({ length: 100 }, () => nextBackoffMs(10, 15_000, random));
    expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(5_000);
  });
});
