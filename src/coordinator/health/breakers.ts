import { type BreakerCause, blameOf } from "../../domain/nodes/blame.ts";
import {
  type BreakerEvent,
  type BreakerState,
  closedBreaker,
  nextBreaker,
} from "../../domain/nodes/circuit-breaker.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Deadlines, ForgetDeadline } from "../../platform/deadlines.ts";
import type { Random } from "../../platform/random.ts";
import { type AttemptKey, type NodeId, type TaskId, toAttemptKey } from "../../protocol/ids.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";
import type { MeshNode } from "../nodes/mesh-node.ts";
import type { NodeRegistry } from "../nodes/registry.ts";

interface BreakerOptions {
  readonly registry: Pick<NodeRegistry, "find" | "setBreakers">;
  readonly events: MeshEventEmitter;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly random: Random;
  /** Whether the task has its answer: an attempt without a failure may also have been cancelled. */
  readonly hasSucceeded: (id: TaskId) => boolean;
}

/** A node that has failed lately; one that works has no record here. */
interface FailingNode {
  readonly id: NodeId;
  readonly states: Map<BreakerCause, BreakerState>;
  readonly timers: Map<BreakerCause, ForgetDeadline>;
  /** Attempts that were sent to it since a breaker opened last. */
  readonly probes: Set<AttemptKey>;
  instance: string | null;
  wasReady: boolean;
}

/**
 * The circuit breakers of all nodes, one for each node and cause: listens to how attempts end, tells the registry which
 * nodes get no work, and lets each be tried again when its time is over. Parked tasks wake by the registry's
 * `node.changed`. docs/adr/0012-circuit-breaker.md
 */
export function startBreakers(options: BreakerOptions): void {
  const { registry, events, clock, deadlines, random } = options;
  const failing = new Map<NodeId, FailingNode>();

  events.on("attempt.ended", ({ taskId, attempt, nodeId, failure }) => {
    const node = registry.find(nodeId);
    const cause = failure === null ? null : blameOf(failure);
    const one = failing.get(nodeId) ?? (node !== null && cause !== null ? track(node) : null);
    if (one === null) return;
    const isProbe = one.probes.delete(toAttemptKey(taskId, attempt));
    if (cause !== null) step(one, { kind: "failed", isProbe }, [cause]);
    else if (failure === null && options.hasSucceeded(taskId)) step(one, { kind: "succeeded" });
    if (isProbe && one.probes.size === 0) step(one, { kind: "probe_void" });
  });
  events.on("task.offered", ({ taskId, attempt, nodeId }) => {
    const one = failing.get(nodeId);
    if (one !== undefined && !isWorking(one)) one.probes.add(toAttemptKey(taskId, attempt));
  });
  events.on("node.freed", ({ nodeId }) => {
    const one = failing.get(nodeId);
    // A reservation whose offer never came about: nobody will report on that probe.
    if (one !== undefined && one.probes.size === 0 && registry.find(nodeId)?.inFlight === 0) {
      step(one, { kind: "probe_void" });
    }
  });
  events.on("node.online", ({ nodeId }) => {
    look(nodeId);
    // What changed while it had left the mesh.
    const one = failing.get(nodeId);
    if (one !== undefined) show(one, false);
  });
  events.on("node.changed", ({ nodeId }) => look(nodeId));
  events.on("node.left", ({ nodeId, isRemoved }) => {
    const one = failing.get(nodeId);
    if (isRemoved && one !== undefined) forget(one);
  });

  function track(node: MeshNode): FailingNode {
    const one: FailingNode = {
      id: node.id,
      states: new Map(),
      timers: new Map(),
      probes: new Set(),
      instance: node.instance,
      wasReady: node.isReady,
    };
    failing.set(node.id, one);
    return one;
  }

  /** Another agent process, or a runtime that has come back, has not lost anything yet. */
  function look(nodeId: NodeId): void {
    const one = failing.get(nodeId);
    const node = registry.find(nodeId);
    if (one === undefined || node === null) return;
    const isNew = node.instance !== one.instance || (node.isReady && !one.wasReady);
    one.instance = node.instance;
    one.wasReady = node.isReady;
    if (isNew) step(one, { kind: "reset" }, ["lost_after_start"]);
  }

  /** Takes an event to the breakers of these causes, all of them by default, and tells what changed. */
  function step(one: FailingNode, event: BreakerEvent, causes: Iterable<BreakerCause> = one.states.keys()) {
    const context = { nowMs: clock.monotonicMs(), random: random.next() };
    const changed: BreakerCause[] = [];
    for (const cause of [...causes]) {
      const before = one.states.get(cause) ?? closedBreaker;
      const after = nextBreaker(before, event, context);
      if (after === before) continue;
      one.states.set(cause, after);
      if (before.kind === after.kind && after.kind === "closed") continue;
      changed.push(cause);
      arm(one, cause, after);
      // Attempts that are under way now say nothing about what the node is like after its rest.
      if (after.kind === "open" && event.kind === "failed") one.probes.clear();
      if ((before.kind === "closed") !== (after.kind === "closed")) {
        events.emit("breaker.changed", { nodeId: one.id, cause, isOpen: after.kind !== "closed" });
      }
    }
    if (changed.length > 0) show(one, event.kind !== "sent");
    if ([...one.states.values()].every((state) => state === closedBreaker)) forget(one);
  }

  function arm(one: FailingNode, cause: BreakerCause, state: BreakerState): void {
    one.timers.get(cause)?.();
    one.timers.delete(cause);
    if (state.kind !== "open") return;
    const delayMs = state.untilMs - clock.monotonicMs();
    one.timers.set(
      cause,
      deadlines.in(delayMs, () => step(one, { kind: "looked_at" }, [cause])),
    );
  }

  /** `isNews`: others than the router care, and those who wait may go. */
  function show(one: FailingNode, isNews: boolean): void {
    const node = registry.find(one.id);
    if (node === null) return;
    const states = [...one.states].filter(([, state]) => state.kind !== "closed");
    const breakers = states.map(([cause, state]) => ({
      cause,
      openUntilMs:
        state.kind === "open" ? Math.round(clock.nowMs() + state.untilMs - clock.monotonicMs()) : null,
    }));
    const isOpen = states.some(
      ([, state]) => state.kind === "open" || (state.kind === "half_open" && state.isProbing),
    );
    const onReserved = states.length === 0 ? null : () => step(one, { kind: "sent" });
    registry.setBreakers(node, { isOpen, breakers, onReserved }, isNews);
  }

  function forget(one: FailingNode): void {
    for (const forgetTimer of one.timers.values()) forgetTimer();
    failing.delete(one.id);
  }
}

function isWorking(one: FailingNode): boolean {
  return [...one.states.values()].every(({ kind }) => kind === "closed");
}
