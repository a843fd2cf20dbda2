import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { createEventEmitter } from "../../platform/event-emitter.ts";
import { raiseFault } from "../../platform/fault.ts";
import { systemIds } from "../../platform/ids.ts";
import { silentLog } from "../../platform/log.ts";
import type { SafeAnswer, SafeFetch } from "../../platform/safe-fetch.ts";
import { adminPrincipal } from "../auth/principal.ts";
import type { MeshEvents } from "../events/mesh-events.ts";
import { createNodeRegistry } from "../nodes/registry.ts";
import { createAnswerReading } from "./answer-reading.ts";
import { createCallBudget } from "./call-budget.ts";
import { createDirectNode, readTarget } from "./direct-node.ts";
import { createEndpointProbes } from "./endpoint-probe.ts";
import { heartbeatLimitMs, newHealth, probeIntervalMs } from "./node-health.ts";

const well: SafeAnswer = { kind: "answered", status: 200, headers: new Headers(), text: '{"status":"ok"}' };
const gone: SafeAnswer = { kind: "timed_out", wasWritten: false };

async function start(parts: { readonly isHere: boolean } = { isHere: true }) {
  const clock = createManualClock();
  const events = createEventEmitter<MeshEvents>(raiseFault);
  const registry = await createNodeRegistry({
    store: { save: () => Promise.resolve(), list: () => Promise.resolve([]) },
    clock,
    ids: systemIds,
    events,
    isGroupName: () => false,
    log: silentLog,
  });
  const instance = systemIds.instance();
  const { node } = await registry.admit(
    {
      type: "hello",
      versions: [1],
      software: "classic",
      name: "old-mac",
      instance,
      capabilities: { os: "linux", arch: "amd64", gpu: false, memory_gb: 8, tags: [], skills: [] },
      slots: 4,
      runtimes: [],
      running: [],
      unacknowledged: [],
    },
    adminPrincipal,
    { endpoint: "node.test:9121", holder: null },
  );
  const target = readTarget(node);
  if (target === null) throw new Error("no target");
  const probed: string[] = [];
  let answer = well;
  /** Called probes wait for this. */
  let held = Promise.resolve();
  const safeFetch: SafeFetch = async ({ url }) => {
    probed.push(url);
    await held;
    return answer;
  };
  const budget = createCallBudget();
  const direct = createDirectNode({
    node,
    state: { told: null, instance },
    target,
    health: newHealth(clock.monotonicMs(), parts.isHere),
    registry,
    engine: { onNode: () => [], report: () => Promise.resolve(true), resume: () => {} },
    reports: { take: () => {} },
    safeFetch,
    budget,
    reading: createAnswerReading(),
    probes: createEndpointProbes({ safeFetch, budget }),
    clock,
    log: silentLog,
    onGone: () => {},
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  direct.start();
  await settle();
  return {
    node,
    direct,
    probed,
    setAnswer: (next: SafeAnswer) => {
      answer = next;
    },
    /** Keeps probes unanswered until the returned function is called. */
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return resolve;
    },
    target,
    instance,
    settle,
    pass: async (ms: number) => {
      clock.advance(ms);
      await settle();
    },
  };
}

describe("a watched direct node", () => {
  test("is probed at once and then every 10 s", async () => {
    const { probed, pass } = await start();
    for (let probe = 0; probe < 3; probe += 1) await pass(probeIntervalMs);
    expect(probed).toEqual(Array.from({ length: 4 }, () => "http://node.test:9121/healthz"));
  });

  test("goes offline with the third probe that fails, and comes back with the first that does not", async () => {
    const { node, direct, setAnswer, pass } = await start();
    setAnswer(gone);
    await pass(probeIntervalMs);
    direct.heartbeat("online", null);
    await pass(probeIntervalMs);
    expect(node.isOnline).toBe(true);
    await pass(probeIntervalMs);
    expect(node.isOnline).toBe(false);
    setAnswer(well);
    // It is asked at once when it says that it is alive.
    direct.heartbeat("online", null);
    await pass(0);
    expect(node.isOnline).toBe(true);
  });

  test("is probed once at a time, however often it registers again, and where it is then", async () => {
    const { direct, probed, hold, target, instance, pass, settle } = await start();
    const release = hold();
    await pass(probeIntervalMs);
    expect(probed).toHaveLength(2);
    for (let again = 0; again < 100; again += 1) direct.takeAgain(target, { told: null, instance });
    expect(probed).toHaveLength(2);
    const moved = { ...target, origin: "http://moved.test:1" };
    direct.takeAgain(moved, { told: null, instance });
    release();
    await settle();
    await pass(0);
    expect(probed.slice(2)).toEqual(["http://moved.test:1/healthz"]);
  });

  test("goes offline without a heartbeat, though it answers", async () => {
    const { node, direct, pass } = await start();
    for (let ms = 0; ms <= heartbeatLimitMs; ms += probeIntervalMs) await pass(probeIntervalMs);
    expect(node.isOnline).toBe(false);
    direct.heartbeat("online", null);
    expect(node.isOnline).toBe(true);
  });

  test("of a former process is online as soon as it answers", async () => {
    const { node } = await start({ isHere: false });
    expect(node.isOnline).toBe(true);
  });

  test("is called no more when it was removed, also while it was offline", async () => {
    const { node, direct, setAnswer, pass, probed } = await start();
    setAnswer(gone);
    for (let probe = 0; probe < 3; probe += 1) await pass(probeIntervalMs);
    expect(node.isOnline).toBe(false);
    const before = probed.length;
    direct.leave(true);
    setAnswer(well);
    for (let probe = 0; probe < 3; probe += 1) await pass(probeIntervalMs);
    expect(probed).toHaveLength(before);
    expect(node.isOnline).toBe(false);
  });

  test("is shown with the slots and runtimes that it tells, and is less wanted while others keep it busy", async () => {
    const { node, direct } = await start();
    expect(node.runtimes).toMatchObject([{ kind: "openclaw" }]);
    const runtime = {
      kind: "openai",
      version: null,
      ready: true,
      reason: null,
      active: 1,
      queued: 0,
    } as const;
    direct.heartbeat("busy", { version: "test", slots: 7, runtimes: [runtime] });
    expect(node).toMatchObject({ slots: 7, foreignRuns: 1, isReady: true, runtimes: [{ kind: "openai" }] });
    direct.heartbeat("online", null);
    expect(node).toMatchObject({ slots: 7, foreignRuns: 0 });
  });
});
