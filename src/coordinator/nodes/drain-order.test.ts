import { describe, expect, test } from "bun:test";
import { nextDrainOrder } from "./drain-order.ts";

describe("what a node is told of its drain", () => {
  test("is the time that is left, never less than none", () => {
    const node = { scheduling: "draining", drainEndsAtMs: 5_000 } as const;
    const reason = "drained by an operator";
    expect(nextDrainOrder(node, { isDraining: false, nowMs: 1_999.6 })).toEqual({
      type: "drain",
      deadline_ms: 3_000,
      reason,
    });
    expect(nextDrainOrder(node, { isDraining: true, nowMs: 9_000 })).toEqual({
      type: "drain",
      deadline_ms: 0,
      reason,
    });
  });

  test("is nothing when only the node knows how long", () => {
    const node = { scheduling: "draining", drainEndsAtMs: null } as const;
    expect(nextDrainOrder(node, { isDraining: true, nowMs: 0 })).toBeNull();
  });

  test.each(["active", "cordoned"] as const)("is that it is over, when it is %s and drains", (scheduling) => {
    const node = { scheduling, drainEndsAtMs: 5_000 };
    expect(nextDrainOrder(node, { isDraining: true, nowMs: 0 })).toEqual({ type: "undrain" });
    expect(nextDrainOrder(node, { isDraining: false, nowMs: 0 })).toBeNull();
  });
});
