import { describe, expect, test } from "bun:test";
import { Fault, FaultKind, planDigest, planFaults } from "./fault-plan.ts";

const chaos = { kinds: FaultKind.options, tasks: 10_000, nodes: 20 };

describe("a fault plan", () => {
  test("is the same for the same seed and options", () => {
    expect(planFaults(7, chaos)).toEqual(planFaults(7, chaos));
    expect(planDigest(planFaults(7, chaos))).toBe(planDigest(planFaults(7, chaos)));
  });

  test("stays what it was: a published seed goes on meaning the same faults", () => {
    expect(planDigest(planFaults(7, chaos))).toBe(
      "6b38c01d49dcfe396dec923acc00ef127f9d0e7bc495498b0be6264f3e319d75",
    );
    expect(planFaults(7, chaos)).toHaveLength(50);
  });

  test("differs for another seed", () => {
    expect(planDigest(planFaults(8, chaos))).not.toBe(planDigest(planFaults(7, chaos)));
  });

  test.each([1, 2, 3, 4, 5])("has every kind that was asked for, in order of progress (seed %p)", (seed) => {
    const plan = planFaults(seed, { ...chaos, tasks: 600, nodes: 4 });
    expect(new Set(plan.map(({ kind }) => kind))).toEqual(new Set(FaultKind.options));
    const at = plan.map(({ at_accepted }) => at_accepted);
    expect(at).toEqual([...at].sort((a, b) => a - b));
    for (const fault of plan) {
      expect(Fault.safeParse(fault).success).toBe(true);
      expect(fault.at_accepted).toBeLessThan(600);
      expect(fault.target).toMatch(/^(coordinator|clients|lab-0[1-4])$/);
    }
  });

  test("has the kinds that were asked for and no others", () => {
    const plan = planFaults(3, { kinds: ["kill-node"], tasks: 4000, nodes: 3 });
    expect(new Set(plan.map(({ kind }) => kind))).toEqual(new Set(["kill-node"]));
    expect(new Set(plan.map(({ target }) => target))).toEqual(new Set(["lab-01", "lab-02", "lab-03"]));
    expect(planFaults(3, { kinds: [], tasks: 4000, nodes: 3 })).toEqual([]);
  });
});
