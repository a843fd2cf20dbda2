import { newTask, type Task, type TaskMessage } from "../../domain/tasks/task.ts";
import { applyChange, nextTaskState } from "../../domain/tasks/task-machine.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Random } from "../../platform/random.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { TaskStore } from "../../store/tasks.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";
import type { Router } from "../routing/router.ts";
import { createLiveTask, type LiveTask } from "./live-task.ts";
import { type Offering, stageOf } from "./offering.ts";
import type { Placement } from "./placement.ts";
import { endedTask } from "./repeats.ts";
import type { TaskTimers } from "./task-timers.ts";
import { outlivesClient } from "./task-writer.ts";

interface AcceptanceOptions {
  readonly store: TaskStore;
  readonly router: Router;
  readonly placement: Placement;
  readonly offering: Offering;
  readonly timers: TaskTimers;
  readonly events: MeshEventEmitter;
  readonly clock: Clock;
  readonly random: Random;
  readonly live: Map<LiveTask["id"], LiveTask>;
  readonly drop: (one: LiveTask) => void;
  readonly finish: (one: LiveTask) => void;
}

/**
 * Takes a new message in: decided first, so that one commit covers the message and its first attempt, then committed, then
 * offered. Rejects with NODE_NOT_FOUND, NODE_OFFLINE, REFUSED_BY_RULE, QUEUE_FULL, STORE_UNAVAILABLE, or for one that runs an ended task
 * again with TASK_NOT_FOUND, TASK_NOT_ENDED or TASK_ALREADY_RETRIED; nothing is left behind then.
 */
export function createAcceptance(
  options: AcceptanceOptions,
): (message: TaskMessage, placeOf?: string) => Promise<LiveTask> {
  const { store, router, placement, offering, timers, events, clock, random, live, drop } = options;

  /** Puts into the task what is known before its first commit. @returns what to do after that commit */
  function prepare(one: LiveTask): () => void {
    // Decided again then: what it would wait for may have happened during the commit.
    const route = () => offering.route(one);
    const stage = stageOf(one.task.message, clock.nowMs());
    if (stage === "early") placement.assertWanted(one);
    if (stage !== "due") {
      placement.claimPlace(one);
      if (stage === "early") {
        const decision = placement.decideEarly(one, one.task.message.notBeforeMs ?? 0);
        one.task = applyChange(one.task, { decision });
      }
      return route;
    }
    const { decided, mustWait } = placement.decideFirst(one);
    if (mustWait) {
      one.task = applyChange(one.task, { decision: placement.explainWait(one, decided) });
      return route;
    }
    const event = placement.toEvent(one, decided);
    const step = nextTaskState(one.task, event, { nowMs: clock.nowMs(), random: random.next() });
    if (step.change !== null) one.task = applyChange(one.task, step.change);
    if (event.kind !== "offered") return () => options.finish(one);
    placement.hold(one, decided);
    return () => offering.sendOffer(one);
  }

  /** Throws when the target cannot be had. */
  function withTarget(message: TaskMessage): TaskMessage {
    const { target, isSynchronous, allowedGroups } = message;
    if (target === null) return message;
    if (isSynchronous) router.assertTarget(target, allowedGroups);
    else router.assertKnown(target, allowedGroups);
    const spelt = router.spellTarget(target);
    return spelt === target ? message : { ...message, target: spelt };
  }

  return async (given, placeOf) => {
    const message = withTarget(given);
    const one = createLiveTask(newTask(message), clock.monotonicMs(), placeOf);
    const follow = prepare(one);
    live.set(one.id, one);
    let existing: Task | null;
    try {
      existing = await commit(store, one.task);
    } catch (error) {
      drop(one);
      throw error;
    }
    if (existing !== null) {
      drop(one);
      return live.get(existing.message.id) ?? endedTask(existing);
    }
    events.emit("task.accepted", { taskId: one.id });
    if (message.retryOf !== null) {
      events.emit("task.retried", { taskId: message.retryOf, retriedAs: one.id });
    }
    // It may have been cancelled while its commit was on the way.
    if (!live.has(one.id)) return one;
    timers.bound(one);
    timers.expire(one);
    follow();
    return one;
  };
}

/** @returns the task that already has the message's key, or null when the new one was stored */
async function commit(store: TaskStore, task: Task): Promise<Task | null> {
  const { retryOf } = task.message;
  if (retryOf === null) return store.accept(task, outlivesClient(task.message) ? "full" : "process");
  const refusal = await store.acceptRetry(task);
  switch (refusal) {
    case null:
      return null;
    case "not_found":
      throw new MeshError("TASK_NOT_FOUND", `There is no task ${retryOf}.`);
    case "not_ended":
      throw new MeshError("TASK_NOT_ENDED", `Task ${retryOf} has not ended.`);
    case "already_retried":
      throw new MeshError("TASK_ALREADY_RETRIED", `Task ${retryOf} was run again already.`);
    default:
      return refusal satisfies never;
  }
}
