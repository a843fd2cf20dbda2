import { describe, expect, test } from "bun:test";
import type { SafeAnswer } from "../../platform/safe-fetch.ts";
import { createCallBudget } from "./call-budget.ts";
import { createEndpointProbes, mayBeHealthy } from "./endpoint-probe.ts";

const well: SafeAnswer = { kind: "answered", status: 200, headers: new Headers(), text: "" };
const one = { origin: "http://one.test:1" };
const other = { origin: "http://other.test:1" };

function start(limit: number) {
  const calls: { readonly url: string; readonly answer: (answer: SafeAnswer) => void }[] = [];
  const probes = createEndpointProbes({
    safeFetch: ({ url }) => new Promise((answer) => calls.push({ url, answer })),
    budget: createCallBudget(limit),
  });
  return { calls, ...probes };
}

describe("probes of endpoints", () => {
  test("ask one endpoint once at a time, however often it is wanted", async () => {
    const { calls, ask } = start(10);
    const asked = Array.from({ length: 100 }, () => ask(one, 1_000));
    expect(calls).toHaveLength(1);
    calls[0]?.answer(well);
    expect(await Promise.all(asked)).toEqual(asked.map(() => well));
    void ask(one, 1_000);
    expect(calls).toHaveLength(2);
  });

  test("are calls like others: when too many run, nothing is found out, and nobody counts as dead", async () => {
    const { calls, ask } = start(1);
    const asked = ask(one, 1_000);
    expect(await ask(other, 1_000)).toBeNull();
    expect(mayBeHealthy(null)).toBeTrue();
    calls[0]?.answer({ kind: "timed_out", wasWritten: true });
    expect(mayBeHealthy(await asked)).toBeFalse();
    void ask(other, 1_000);
    expect(calls).toHaveLength(2);
  });
});
