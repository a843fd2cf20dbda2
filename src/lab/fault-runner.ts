import { type Clock, delay } from "../platform/clock.ts";
import { type Fault, type FaultKind, targetKind } from "./fault-plan.ts";
import type { LabMesh, NodeProcess } from "./lab-mesh.ts";
import type { ModelServer, RuntimeMood } from "./model-server.ts";
import type { SenderConnections } from "./senders.ts";
import { createWindow } from "./window.ts";

/** A fault as it was. */
export interface InjectedFault {
  readonly kind: FaultKind;
  readonly target: string;
  readonly startedAtMs: number;
  /** When all was as before; of a killed process, when it had been started again (the coordinator: took work again). */
  readonly endedAtMs: number;
}

export interface FaultRunnerOptions {
  readonly plan: readonly Fault[];
  readonly mesh: LabMesh;
  readonly models: ModelServer;
  readonly connections: SenderConnections;
  readonly clock: Clock;
  /** Hears of each when it begins. */
  readonly onFault: (fault: Fault) => void;
}

export interface FaultRunner {
  /** So many tasks have been accepted. */
  readonly progress: (accepted: number) => void;
  readonly startedCount: () => number;
  /** All have been accepted: what is still planned does not come any more. Resolves when all faults are over. */
  readonly finish: () => Promise<readonly InjectedFault[]>;
  /** Breaks off what is under way and begins nothing more: when it resolves, no fault touches the mesh any more. */
  readonly stop: () => Promise<void>;
  /** Rejects when a fault could not be injected, such as when the coordinator did not come up again. */
  readonly failed: Promise<never>;
}

/** This share of the nodes may have a fault at the same time; the next one waits. */
const faultyShare = 1 / 3;
/** How long a node that was killed may take until it dials again; then the next fault may hit it. */
const redialLimitMs = 5000;
const pollMs = 20;

/** One fault at a time for each target; those of different targets overlap. */
export function createFaultRunner(options: FaultRunnerOptions): FaultRunner {
  const { plan, mesh, clock } = options;
  const injected: InjectedFault[] = [];
  const lines = new Map<string, Promise<void>>();
  const stopping = new AbortController();
  const { signal } = stopping;
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  const nodeWindow = createWindow(Math.max(1, Math.floor(mesh.nodes.length * faultyShare)));
  let next = 0;
  let started = 0;

  async function inject(fault: Fault): Promise<void> {
    const isNode = targetKind(fault.kind) === "node";
    if (isNode) await nodeWindow.enter();
    try {
      signal.throwIfAborted();
      started += 1;
      options.onFault(fault);
      const startedAtMs = clock.nowMs();
      await apply(fault, { ...options, signal });
      injected.push({ kind: fault.kind, target: fault.target, startedAtMs, endedAtMs: clock.nowMs() });
    } catch (error) {
      failure.reject(error);
    } finally {
      if (isNode) nodeWindow.leave();
    }
  }

  return {
    failed: failure.promise,
    startedCount: () => started,
    progress: (accepted) => {
      for (let fault = plan[next]; fault !== undefined && fault.at_accepted <= accepted; fault = plan[next]) {
        next += 1;
        const now = fault;
        lines.set(
          now.target,
          (lines.get(now.target) ?? Promise.resolve()).then(() => inject(now)),
        );
      }
    },
    finish: async () => {
      next = plan.length;
      await Promise.all(lines.values());
      return injected;
    },
    stop: async () => {
      next = plan.length;
      stopping.abort();
      await Promise.all(lines.values());
    },
  };
}

interface Powers extends FaultRunnerOptions {
  readonly signal: AbortSignal;
}

/** Throws the signal's reason when it is aborted. */
async function pause({ clock, signal }: Powers, delayMs: number): Promise<void> {
  await delay(clock, delayMs, signal);
  signal.throwIfAborted();
}

async function apply(fault: Fault, options: Powers): Promise<void> {
  const { mesh, connections } = options;
  const last = () => pause(options, fault.duration_ms);
  switch (targetKind(fault.kind)) {
    case "clients":
      connections.drop(fault.duration_ms);
      await last();
      return;
    case "coordinator":
      await applyToCoordinator(fault, options);
      return;
    default: {
      const node = mesh.nodes.find(({ name }) => name === fault.target);
      if (node !== undefined) await applyToNode(fault, node, options);
    }
  }
}

async function applyToCoordinator(fault: Fault, powers: Powers): Promise<void> {
  const { coordinator } = powers.mesh;
  const last = () => pause(powers, fault.duration_ms);
  if (fault.kind === "kill-coordinator") {
    coordinator.kill("SIGKILL");
    await coordinator.exited();
    await last();
    await coordinator.restart();
  } else if (fault.kind === "stop-coordinator") {
    coordinator.kill("SIGSTOP");
    await last();
    coordinator.kill("SIGCONT");
  } else if (coordinator.disk !== null) {
    await coordinator.disk.fill();
    await last();
    await coordinator.disk.free();
  }
}

const runtimeMoods: Readonly<Partial<Record<FaultKind, RuntimeMood>>> = {
  "refuse-runtime": "refusing",
  "fail-runtime": "failing",
  "hang-runtime": "hanging",
  "slow-runtime": "slow",
};
const linkMoods = { "cut-link": "cut", "silence-link": "silent", "delay-link": "delayed" } as const;

async function applyToNode(fault: Fault, node: NodeProcess, powers: Powers): Promise<void> {
  const { models } = powers;
  const last = () => pause(powers, fault.duration_ms);
  switch (fault.kind) {
    case "kill-node":
      node.kill("SIGKILL");
      await node.exited();
      await last();
      node.restart();
      await untilDialled(node, powers);
      return;
    case "stop-node":
      node.kill("SIGSTOP");
      await last();
      node.kill("SIGCONT");
      return;
    case "cut-link":
    case "silence-link":
    case "delay-link":
      node.proxy.setMood(linkMoods[fault.kind]);
      await last();
      node.proxy.setMood("well");
      return;
    default:
      models.setMood(node.name, runtimeMoods[fault.kind] ?? "well");
      await last();
      models.setMood(node.name, "well");
  }
}

async function untilDialled(node: NodeProcess, powers: Powers): Promise<void> {
  const { clock } = powers;
  const endsAtMs = clock.monotonicMs() + redialLimitMs;
  while (node.proxy.connectionCount() === 0 && clock.monotonicMs() < endsAtMs) await pause(powers, pollMs);
}
