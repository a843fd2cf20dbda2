import { type RouteDecision, toDecision, unblockText } from "../../domain/routing/index.ts";
import { defaultRetryPolicy, retryDelayMs } from "../../domain/tasks/retry-policy.ts";
import type { TaskMessage } from "../../domain/tasks/task.ts";
import type { TaskEvent } from "../../domain/tasks/task-machine.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Random } from "../../platform/random.ts";
import type { Decision } from "../../protocol/decision.ts";
import { MeshError } from "../../protocol/errors.ts";
import { type Failure, maxFailureLength } from "../../protocol/failure.ts";
import type { TaskId } from "../../protocol/ids.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";
import type { MeshNode } from "../nodes/mesh-node.ts";
import { gatheringMs, type NodeRegistry } from "../nodes/registry.ts";
import type { Router } from "../routing/router.ts";
import type { LiveTask } from "./live-task.ts";
import { createWaitingRoom, maxWaiting, maxWaitingLength } from "./waiting-room.ts";

/** What a decision means to the task's state. */
export type PlacementEvent = Extract<TaskEvent, { readonly kind: "offered" | "unroutable" }>;

/**
 * Finds nodes for tasks, reserves their slots, and keeps those that have to wait. It changes no task's state: the task
 * engine does, with the events made here.
 */
export interface Placement {
  /** For a message that comes in. Throws QUEUE_FULL when it would have to wait and too many do. */
  readonly decideFirst: (message: TaskMessage) => RouteDecision;
  /** For a task that was tried before or waits: nodes that failed it come last. */
  readonly decideAgain: (one: LiveTask) => RouteDecision;
  /** Whether another node than the present one could take it now. */
  readonly hasOther: (one: LiveTask) => boolean;
  /** Call it in the same turn as the decision: the decision refers to live nodes. */
  readonly toEvent: (one: LiveTask, decided: RouteDecision) => PlacementEvent;
  /** Reserves the slot, before the commit, so that decisions in between see it. */
  readonly hold: (one: LiveTask, decided: RouteDecision) => void;
  /** Gives the slot back, if there is one. */
  readonly release: (one: LiveTask) => void;
  /**
   * How long the task has to wait before it is decided again even if nothing changes: Infinity for a decision to wait
   * that has no time of its own, null when the task must not wait.
   */
  readonly waitMs: (one: LiveTask, decided: RouteDecision) => number | null;
  readonly wait: (one: LiveTask, decided: RouteDecision) => void;
  /** It waits no more. */
  readonly leave: (one: LiveTask) => void;
}

interface PlacementOptions {
  readonly registry: NodeRegistry;
  readonly router: Router;
  readonly events: MeshEventEmitter;
  readonly clock: Clock;
  readonly random: Random;
  /** The mesh has changed in a way that may let a waiting task go. */
  readonly onMayGo: (id: TaskId) => void;
}

/** Changes of the mesh after which every waiting task is looked at again. */
const meshChanges = ["node.online", "node.changed", "rules.changed", "groups.changed"] as const;

/** Changes after which only those are that wait for the node: it can do nothing for the others. */
const nodeLosses = ["node.left", "node.offline"] as const;

/** How often one that was refused looks for a slot beside the times when a run ends. */
const refusedAgainMs = 5_000;

/** How long a task that waits is kept when all nodes that could serve it are away. */
export const absenceGraceMs = 30_000;

export function createPlacement(options: PlacementOptions): Placement {
  const { registry, router, events, clock, random, onMayGo } = options;
  const room = createWaitingRoom();
  /** Characters of the messages in the room. */
  let waitingLength = 0;
  /** Those in the room that a node has refused for want of a slot: each asks again in its own time. */
  const refusedFull = new Set<TaskId>();

  /** A slot of the node is free: the oldest tasks that wait for it and can have it go. */
  function offerSlotsOf(node: MeshNode, isRefused: boolean): void {
    for (const id of [...room.waitingFor(node.id)]) {
      if (node.inFlight >= node.slots) return;
      // A slot that a refusal gives back is hardly free: two that wait for it would hand it round as fast as they can.
      if (!(isRefused && refusedFull.has(id))) onMayGo(id);
    }
  }

  events.on("node.freed", ({ nodeId, isRefused }) => {
    if (room.size() === 0) return;
    const node = registry.find(nodeId);
    if (node !== null) offerSlotsOf(node, isRefused);
  });
  for (const type of meshChanges) {
    events.on(type, () => {
      for (const id of [...room.all()]) onMayGo(id);
    });
  }
  for (const type of nodeLosses) {
    events.on(type, ({ nodeId }) => {
      for (const id of [...room.waitingFor(nodeId)]) onMayGo(id);
    });
  }

  /** A node that is away for a moment, as one that dials again, does not cost the tasks that wait for it. */
  function patienceMs(one: LiveTask, decided: RouteDecision): number | null {
    if (decided.waitFor.length === 0) return null;
    // One whose node was lost, and that may go on, was taken in while there were nodes, like those that wait.
    const hasLostNode = one.task.attempts.at(-1)?.state === "lost";
    const isKnown = one.waitingSinceMs !== null || one.patientUntilMs !== null || hasLostNode;
    if (!isKnown && !decided.waitFor.some((node) => registry.isExpected(node.id))) return null;
    const nowMs = clock.monotonicMs();
    one.patientUntilMs ??= nowMs + (isKnown ? absenceGraceMs : gatheringMs);
    return one.patientUntilMs > nowMs ? one.patientUntilMs - nowMs : null;
  }

  /** All candidates refused it, and some for want of a slot: ours is not the only count of what they run. */
  function refusalWaitMs(one: LiveTask): number | null {
    if (one.fullRefusals === 0 || one.passedOver.size === 0) return null;
    return retryDelayMs(defaultRetryPolicy, one.fullRefusals, random.next());
  }

  return {
    decideFirst: (message) => {
      const decided = router.decide(message, null, null);
      if (decided.outcome !== "waiting") return decided;
      if (room.size() >= maxWaiting || waitingLength + message.content.length > maxWaitingLength) {
        throw new MeshError("QUEUE_FULL", `${room.size()} messages wait for a slot already.`);
      }
      return decided;
    },
    decideAgain: ({ task: { message }, passedOver, avoid, waitingSinceMs }) => {
      if (avoid !== null && !passedOver.has(avoid)) {
        const elsewhere = router.decide(message, new Set([...passedOver, avoid]), waitingSinceMs);
        if (elsewhere.outcome === "assigned") return elsewhere;
      }
      return router.decide(message, passedOver.size === 0 ? null : passedOver, waitingSinceMs);
    },
    hasOther: ({ task: { message }, passedOver, node }) => {
      const others = new Set(passedOver);
      if (node !== null) others.add(node.id);
      return router.decide(message, others, null).outcome === "assigned";
    },
    toEvent: (one, decided) => {
      const decision = toDecision(decided, clock.nowMs());
      const best = decided.order[0];
      if (decided.outcome !== "assigned" || best === undefined) {
        return { kind: "unroutable", failure: unroutableFailure(one, decision, clock.nowMs()), decision };
      }
      return { kind: "offered", nodeId: best.id, nodeName: best.name, decision };
    },
    hold: (one, decided) => {
      const best = decided.order[0];
      one.node = best === undefined ? null : registry.find(best.id);
      if (one.node !== null) registry.reserve(one.node);
      const binding = decided.session?.binding;
      one.hasBoundSession = binding === "new" || binding === "moved";
      router.bind(one.task.message, decided);
    },
    release: (one) => {
      const { node } = one;
      one.node = null;
      if (node !== null) registry.release(node, one.task.attempts.at(-1)?.state === "refused");
    },
    waitMs: (one, decided) => {
      if (decided.outcome === "unroutable") return refusalWaitMs(one) ?? patienceMs(one, decided);
      one.patientUntilMs = null;
      if (decided.outcome === "assigned") return null;
      const untilMs =
        decided.recheckAtMs === null ? Number.POSITIVE_INFINITY : decided.recheckAtMs - clock.nowMs();
      const refusedMs = refusalWaitMs(one) ?? (one.fullRefusals === 0 ? untilMs : refusedAgainMs);
      return Math.min(untilMs, refusedMs);
    },
    wait: (one, decided) => {
      room.wait(one.id, [...decided.waitFor.map((node) => node.id), ...one.passedOver]);
      // What refused it may take it after a wait.
      one.passedOver.clear();
      if (one.fullRefusals > 0) refusedFull.add(one.id);
      if (one.waitingSinceMs !== null) return;
      one.waitingSinceMs = clock.nowMs();
      waitingLength += one.task.message.content.length;
      events.emit("task.waiting", { taskId: one.id });
    },
    leave: (one) => {
      room.remove(one.id);
      refusedFull.delete(one.id);
      if (one.waitingSinceMs === null) return;
      one.waitingSinceMs = null;
      waitingLength -= one.task.message.content.length;
    },
  };
}

function unroutableFailure(one: LiveTask, decision: Decision, nowMs: number): Failure {
  const tries = one.task.attempts.length;
  if (tries > 0) {
    const last = one.task.attempts.at(-1)?.failure?.message ?? "";
    const message = `No other node fits after ${tries} ${tries === 1 ? "try" : "tries"}. ${last}`;
    return { class: "refused", message: message.trimEnd().slice(0, maxFailureLength) };
  }
  const needs = unblockText(decision, nowMs);
  return {
    class: "unroutable",
    message: needs === null ? "No node fits this message." : `It needs ${needs}.`,
  };
}
