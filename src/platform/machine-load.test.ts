import { describe, expect, test } from "bun:test";
import { availableMemoryBytes, createMachineLoad, machineMemoryBytes } from "./machine-load.ts";

describe("the load of the machine", () => {
  test("is the busy share of the core time since the last call", () => {
    let time = { busy: 100, total: 1_000 };
    const sample = createMachineLoad(() => time);
    time = { busy: 150, total: 1_100 };
    expect(sample().cpu).toBe(0.5);
    time = { busy: 160, total: 1_200 };
    expect(sample().cpu).toBe(0.1);
  });

  test("keeps the last figure while the counters have not moved", () => {
    let time = { busy: 0, total: 0 };
    const sample = createMachineLoad(() => time);
    time = { busy: 30, total: 100 };
    expect(sample().cpu).toBe(0.3);
    expect(sample().cpu).toBe(0.3);
    time = { busy: 130, total: 200 };
    expect(sample().cpu).toBe(1);
  });

  test("stays between 0 and 1 when counters go backwards", () => {
    let time = { busy: 100, total: 1_000 };
    const sample = createMachineLoad(() => time);
    time = { busy: 0, total: 1_100 };
    expect(sample().cpu).toBe(0);
  });

  test("reads this machine", () => {
    const { cpu, memory } = createMachineLoad()();
    expect(cpu).toBeWithin(0, 1.0001);
    expect(memory).toBeGreaterThan(0);
    expect(memory).toBeLessThanOrEqual(1);
    expect(machineMemoryBytes()).toBeGreaterThan(2 ** 26);
  });
});

describe("the memory that is free", () => {
  test.each([
    ["the machine's", { available: 5, limit: 10, ofGroups: null }, 5],
    ["no more than this process may have", { available: 50, limit: 10, ofGroups: null }, 10],
    ["no more than its control groups leave", { available: 50, limit: 10, ofGroups: 3 }, 3],
  ] as const)("is %s", (_, { available, limit, ofGroups }, free) => {
    const look = { available: () => available, limit: () => limit, ofGroups: () => ofGroups };
    expect(availableMemoryBytes(look)).toBe(free);
  });
});
