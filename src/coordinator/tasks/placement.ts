import { type RouteDecision, toDecision, unblockText } from "../../domain/routing/index.ts";
import type { TaskMessage } from "../../domain/tasks/task.ts";
import type { TaskEvent } from "../../domain/tasks/task-machine.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Decision } from "../../protocol/decision.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { TaskId } from "../../protocol/ids.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";
import type { MeshNode } from "../nodes/mesh-node.ts";
import type { NodeRegistry } from "../nodes/registry.ts";
import type { Router } from "../routing/router.ts";
import type { LiveTask } from "./live-task.ts";
import { createWaitingRoom, maxWaiting } from "./waiting-room.ts";

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
  /** Call it in the same turn as the decision: the decision refers to live nodes. */
  readonly toEvent: (one: LiveTask, decided: RouteDecision) => PlacementEvent;
  /** Reserves the slot, before the commit, so that decisions in between see it. */
  readonly hold: (one: LiveTask, decided: RouteDecision) => void;
  /** Gives the slot back, if there is one. */
  readonly release: (one: LiveTask) => void;
  readonly wait: (one: LiveTask, decided: RouteDecision) => void;
  /** It waits no more. */
  readonly leave: (one: LiveTask) => void;
}

interface PlacementOptions {
  readonly registry: NodeRegistry;
  readonly router: Router;
  readonly events: MeshEventEmitter;
  readonly clock: Clock;
  /** The mesh has changed in a way that may let a waiting task go. */
  readonly onMayGo: (id: TaskId) => void;
}

/** Changes of the mesh after which every waiting task is looked at again. */
const meshChanges = [
  "node.online",
  "node.changed",
  "node.left",
  "node.offline",
  "rules.changed",
  "groups.changed",
] as const;

export function createPlacement({ registry, router, events, clock, onMayGo }: PlacementOptions): Placement {
  const room = createWaitingRoom();

  /** A slot of the node is free: the oldest tasks that wait for it and can have it go. */
  function offerSlotsOf(node: MeshNode): void {
    for (const id of [...room.waitingFor(node.id)]) {
      if (node.inFlight >= node.slots) return;
      onMayGo(id);
    }
  }

  events.on("node.freed", ({ nodeId }) => {
    if (room.size() === 0) return;
    const node = registry.find(nodeId);
    if (node !== null) offerSlotsOf(node);
  });
  for (const type of meshChanges) {
    events.on(type, () => {
      for (const id of [...room.all()]) onMayGo(id);
    });
  }

  return {
    decideFirst: (message) => {
      const decided = router.decide(message, null, null);
      if (decided.outcome === "waiting" && room.size() >= maxWaiting) {
        throw new MeshError("QUEUE_FULL", `${maxWaiting} messages wait for a slot already.`);
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
      router.bind(one.task.message, decided);
    },
    release: (one) => {
      const { node } = one;
      one.node = null;
      if (node !== null) registry.release(node);
    },
    wait: (one, decided) => {
      if (one.waitingSinceMs === null) {
        one.waitingSinceMs = clock.nowMs();
        // What refused it may take it after a wait.
        one.passedOver.clear();
        events.emit("task.waiting", { taskId: one.id });
      }
      room.wait(
        one.id,
        decided.waitFor.map((node) => node.id),
      );
    },
    leave: (one) => {
      room.remove(one.id);
      one.waitingSinceMs = null;
    },
  };
}

function unroutableFailure(one: LiveTask, decision: Decision, nowMs: number): Failure {
  const tries = one.task.attempts.length;
  if (tries > 0) {
    const message = `No other node fits after ${tries} ${tries === 1 ? "try" : "tries"}.`;
    return { class: "refused", message };
  }
  const needs = unblockText(decision, nowMs);
  return {
    class: "unroutable",
    message: needs === null ? "No node fits this message." : `It needs ${needs}.`,
  };
}
