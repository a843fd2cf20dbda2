import { currentAttempt } from "../../domain/tasks/task-machine.ts";
import type { CancelTimer, Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { parseEndpoint } from "../../platform/safe-address.ts";
import type { SafeAnswer, SafeFetch } from "../../platform/safe-fetch.ts";
import type { DirectNode as DirectNodeInfo } from "../../protocol/direct.ts";
import { type Instance, toAttemptKey } from "../../protocol/ids.ts";
import { type HelloFrame, linkVersion } from "../../protocol/link/v1/frames.ts";
import type { NodeStatus, RuntimeStatus } from "../../protocol/node.ts";
import type { AttemptReports } from "../dispatch/attempt-reports.ts";
import type { MeshNode } from "../nodes/mesh-node.ts";
import type { NodeRegistry } from "../nodes/registry.ts";
import type { LiveTask } from "../tasks/live-task.ts";
import type { TaskEngine } from "../tasks/task-engine.ts";
import type { AnswerReading } from "./answer-reading.ts";
import type { CallBudget } from "./call-budget.ts";
import type { DeliveryOutcome } from "./delivery-outcome.ts";
import { createDirectLink, type DirectLink, type DirectTarget } from "./direct-link.ts";
import { type EndpointProbes, mayBeHealthy } from "./endpoint-probe.ts";
import {
  type HealthEvent,
  type NodeHealth,
  nextHealth,
  offlineReason,
  probeIntervalMs,
  probeLimitMs,
} from "./node-health.ts";

/** Slots of a node that does not tell. */
export const defaultDirectSlots = 4;

/** How often a drained node is looked at for what still runs. */
const drainPollMs = 200;

/** What a registration says that the stored record has no place for. */
export interface DirectNodeState {
  /** null: a classic node, or one of a former process. */
  readonly told: DirectNodeInfo | null;
  readonly instance: Instance;
}

export interface DirectNodeDeps {
  readonly node: MeshNode;
  readonly state: DirectNodeState;
  readonly target: DirectTarget;
  readonly health: NodeHealth;
  readonly registry: NodeRegistry;
  readonly engine: Pick<TaskEngine, "onNode" | "report" | "resume">;
  readonly reports: Pick<AttemptReports, "take">;
  readonly safeFetch: SafeFetch;
  readonly budget: CallBudget;
  readonly reading: AnswerReading;
  readonly probes: EndpointProbes;
  readonly clock: Clock;
  readonly log: Log;
  /** It is no direct node any more. */
  readonly onGone: () => void;
}

/** One node with a direct endpoint: its calls, its probes, and whether it is online. */
export interface DirectNode {
  readonly start: () => void;
  /** Something has happened to the node elsewhere. */
  readonly look: () => void;
  readonly isOpen: () => boolean;
  readonly state: () => DirectNodeState;
  /** It has registered again, perhaps from another address, with what it runs still running. */
  readonly takeAgain: (target: DirectTarget, state: DirectNodeState) => void;
  /** `told`: what else one of our own says with it; null: nothing. */
  readonly heartbeat: (status: NodeStatus, told: DirectNodeInfo | null) => void;
  /** It has left, or was removed: then its calls end. */
  readonly leave: (isRemoved: boolean) => void;
  readonly stop: () => void;
}

export function createDirectNode(deps: DirectNodeDeps): DirectNode {
  const { node, registry, engine, clock, log } = deps;
  let { target, state, health } = deps;
  let isEcho = false;
  /** Why its address was not called when that was tried last. */
  let refusal: string | null = null;
  let isWatching = false;
  /** Whoever asks again and again for a probe does not get two. */
  let isProbing = false;
  let cancelProbe: CancelTimer = () => {};
  let cancelDrain: CancelTimer = () => {};

  const link: DirectLink = createDirectLink({
    nodeId: node.id,
    target: () => target,
    safeFetch: deps.safeFetch,
    budget: deps.budget,
    reading: deps.reading,
    clock,
    probe,
    lastSeenMs: () => health.heartbeatAtMs,
    onFrame: (from, frame) => deps.reports.take(node, from, frame),
    onOutcome: takeOutcome,
    onDrain: drain,
    onClosed: (reason) => closed(reason),
  });

  // ---- what is known of it ----

  const runtimes = (): RuntimeStatus[] => {
    if (state.told !== null && !isEcho) return state.told.runtimes;
    // The classic tool does not tell its runtime: it serves OpenClaw, or echoes.
    const kind = isEcho ? "echo" : "openclaw";
    return [{ kind, version: null, ready: true, reason: null, active: null, queued: null }];
  };

  const slots = () => state.told?.slots ?? defaultDirectSlots;

  const hello = (): HelloFrame => ({
    type: "hello",
    versions: [linkVersion],
    software: node.record.version ?? "",
    name: node.record.name,
    instance: state.instance,
    capabilities: node.record.capabilities,
    slots: slots(),
    runtimes: runtimes(),
    running: [],
    unacknowledged: [],
  });

  function happened(event: HealthEvent): void {
    health = nextHealth(health, event, clock.monotonicMs());
    update();
  }

  /** Brings the registry in line with the health. */
  function update(): void {
    if (!isWatching) return;
    if (node.record.transport !== "direct") {
      // It has come back with a link.
      unwatch();
      deps.onGone();
      return;
    }
    const reason = offlineReason(health, clock.monotonicMs());
    if (reason === null) comeOnline();
    else goOffline(reason);
  }

  function comeOnline(): void {
    if (node.link === link) return;
    // A link of the same node took over meanwhile.
    if (node.link !== null) return;
    registry.setOnline(node, link, hello());
    log.info(`node online: ${node.id} (${node.name})`, { endpoint: target.endpoint });
    for (const live of calling()) engine.resume(live);
  }

  function goOffline(reason: string): void {
    if (node.link !== link) return;
    registry.setOffline(node, reason);
    log.info(`node offline: ${node.id} (${node.name})`, { reason });
    // One that says so itself still finishes what it runs.
    if (health.status === "offline") return;
    for (const live of calling()) {
      const attempt = currentAttempt(live.task);
      if (attempt !== null) void engine.report(live, { kind: "link_lost", attempt: attempt.number });
    }
  }

  function calling(): readonly LiveTask[] {
    return engine.onNode(node.id).filter((live) => {
      const attempt = currentAttempt(live.task);
      return attempt !== null && link.isCalling(toAttemptKey(live.id, attempt.number));
    });
  }

  // ---- probes ----

  async function probe(limitMs: number): Promise<boolean> {
    return mayBeHealthy(await askForLife(limitMs));
  }

  async function askForLife(limitMs: number): Promise<SafeAnswer | null> {
    const answer = await deps.probes.ask(target, limitMs);
    if (answer === null) return null;
    if (answer.kind === "refused" && answer.reason !== refusal) {
      log.warn(`node ${node.name} is not called: ${answer.reason}`, {
        node: node.id,
        endpoint: target.endpoint,
      });
    }
    refusal = answer.kind === "refused" ? answer.reason : null;
    return answer;
  }

  async function probeOnce(): Promise<void> {
    if (isProbing) return;
    isProbing = true;
    cancelProbe();
    const asked = target;
    const answer = await askForLife(probeLimitMs);
    isProbing = false;
    if (!isWatching) return;
    const hasMoved = asked.origin !== target.origin;
    const delayMs = hasMoved ? 0 : probeIntervalMs;
    cancelProbe = clock.after(delayMs, () => void probeOnce(), { unref: true });
    // An answer of an address that it has left meanwhile says nothing, nor does none because nobody had time to ask.
    if (hasMoved || answer === null) return;
    happened({ kind: mayBeHealthy(answer) ? "probe_succeeded" : "probe_failed" });
  }

  function takeOutcome({ isUnreachable, isEcho: answeredEcho }: DeliveryOutcome): void {
    if (answeredEcho !== null && answeredEcho !== isEcho && state.told === null) {
      isEcho = answeredEcho;
      if (isEcho) log.warn(`node ${node.name} has no AI runtime: it echoes`, { node: node.id });
      registry.setSeen(node, { runtimes: runtimes(), slots: slots() });
    }
    if (!isUnreachable) return;
    happened({ kind: "not_taken" });
    void probeOnce();
  }

  // ---- leaving ----

  /** The classic tool has no words for it: the node gets nothing new, and is taken out when it has finished. */
  function drain(limitMs: number | null): void {
    cancelDrain();
    if (limitMs === null) return;
    const endsAtMs = clock.monotonicMs() + limitMs;
    const look = () => {
      if (!isWatching) return;
      if (link.callCount() > 0 && clock.monotonicMs() < endsAtMs) {
        cancelDrain = clock.after(drainPollMs, look, { unref: true });
        return;
      }
      log.info(`node drained: ${node.id} (${node.name})`);
      registry.hide(node, false).catch((error: unknown) => {
        log.warn("a drained node could not be taken out", { node: node.id, error });
      });
    };
    look();
  }

  function unwatch(): void {
    isWatching = false;
    cancelProbe();
    cancelDrain();
  }

  function closed(reason: string): void {
    unwatch();
    if (node.link === link) registry.setOffline(node, reason);
    if (node.record.isRemoved)
      link.abandon("The node was removed from the mesh while it worked on the message.");
    deps.onGone();
  }

  return {
    start: () => {
      isWatching = true;
      update();
      void probeOnce();
    },
    look: update,
    isOpen: () => link.isOpen,
    state: () => state,
    takeAgain: (newTarget, newState) => {
      target = newTarget;
      state = newState;
      isEcho = false;
      health = { ...health, isReachable: true, failedProbes: 0, status: "online" };
      // Slots and runtimes may be others.
      if (node.link === link) registry.setOnline(node, link, hello());
      happened({ kind: "heartbeat", status: "online" });
      void probeOnce();
    },
    heartbeat: (status, told) => {
      if (told !== null) state = { ...state, told };
      const isBusyWithOthers = status === "busy" && node.inFlight === 0;
      registry.setSeen(node, { runtimes: runtimes(), slots: slots(), foreignRuns: isBusyWithOthers ? 1 : 0 });
      happened({ kind: "heartbeat", status });
      if (!health.isReachable) void probeOnce();
    },
    leave: (isRemoved) => {
      unwatch();
      if (node.link === link) registry.setOffline(node, "it left the mesh");
      if (isRemoved) link.abandon("The node was removed from the mesh while it worked on the message.");
    },
    stop: () => {
      unwatch();
      link.abandon(null);
    },
  };
}

/** Where the record says that the node is called; null: it does not say, or not so that it can be called. */
export function readTarget({ record }: MeshNode): DirectTarget | null {
  const endpoint = record.endpoint === null ? null : parseEndpoint(record.endpoint);
  if (record.endpoint === null || endpoint === null || record.directToken === null) return null;
  return { endpoint: record.endpoint, origin: endpoint.origin, token: record.directToken };
}
