import { graceMs } from "../../domain/tasks/retry-policy.ts";
import type { Task } from "../../domain/tasks/task.ts";
import {
  applyChange,
  currentAttempt,
  isTerminal,
  type NextStep,
  nextTaskState,
  type TaskEvent,
} from "../../domain/tasks/task-machine.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Random } from "../../platform/random.ts";
import type { AttemptNumber } from "../../protocol/ids.ts";
import type { CancelFrame } from "../../protocol/link/v1/frames.ts";
import type { MeshEventEmitter, MeshEvents } from "../events/mesh-events.ts";
import type { Router } from "../routing/router.ts";
import type { AttemptSender } from "./attempt-sender.ts";
import { type LiveTask, latestTask, notify } from "./live-task.ts";
import { passOver } from "./pass-over.ts";
import type { Placement } from "./placement.ts";
import type { TaskTimers } from "./task-timers.ts";
import type { TaskWriter } from "./task-writer.ts";
import type { TasksByNode } from "./tasks-by-node.ts";

/** Takes tasks from one state to the next, commits that, and does what follows. */
export interface Transitions {
  /**
   * Something happened to a task. Resolves after the commit, with false when it changed nothing: the report belongs to
   * the history only, or a fault kept it out, which is logged. Never rejects: nobody waits for most reports, and a fault
   * in one must not end the process.
   */
  readonly report: (one: LiveTask, event: TaskEvent) => Promise<boolean>;
  /** The task has ended, and that is on record. */
  readonly finish: (one: LiveTask) => void;
  readonly stopRun: (one: LiveTask, attempt: AttemptNumber, reason: CancelFrame["reason"]) => void;
  /** A task whose node lost the gateway, and that may move, goes to another node as soon as there is one. */
  readonly moveWhenPossible: (one: LiveTask, attempt: AttemptNumber) => void;
}

interface TransitionOptions {
  readonly writer: TaskWriter;
  readonly router: Router;
  readonly sender: AttemptSender;
  readonly placement: Placement;
  readonly byNode: TasksByNode;
  readonly timers: TaskTimers;
  readonly events: MeshEventEmitter;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Finds it a node now, or when it is its turn. */
  readonly route: (one: LiveTask) => void;
  readonly join: (one: LiveTask) => void;
  /** The task is no more than a record now. */
  readonly drop: (one: LiveTask) => void;
  /** A task has no attempt any more, and goes on. */
  readonly onPaused: () => void;
}

/**
 * Whether an end may be told while the store cannot commit it: what a node has done was done, and its journal keeps it. What
 * is decided here is nothing before it is on record; nor is a cancel, whoever confirmed it.
 */
function isToldAtOnce({ kind }: TaskEvent, { state }: Task): boolean {
  const isReported = kind === "succeeded" || kind === "failed" || kind === "lost" || kind === "refused";
  return isReported && state !== "cancelled";
}

export function createTransitions(options: TransitionOptions): Transitions {
  const { writer, sender, placement, timers, events, clock, random, log, route } = options;

  async function report(one: LiveTask, event: TaskEvent): Promise<boolean> {
    try {
      return await take(one, event);
    } catch (error) {
      log.error("a task could not take an event", { task: one.id, event: event.kind, error });
      // Who waits for an end that never gets on record waits in vain.
      if (one.ending !== null) one.ended.reject(error);
      return false;
    }
  }

  async function take(one: LiveTask, event: TaskEvent): Promise<boolean> {
    const before = latestTask(one);
    const step = nextTaskState(before, event, { nowMs: clock.nowMs(), random: random.next() });
    if (step.next.kind === "late") return false;
    if (step.change !== null) {
      const { change } = step;
      const fence = { attempt: before.attempts.at(-1)?.number ?? 0 };
      const after = applyChange(before, change);
      const isHidden = isTerminal(after.state) && !isToldAtOnce(event, after);
      if (isHidden) one.ending = after;
      else one.task = after;
      // Whoever waits behind it must not wait for its commit, too.
      if (isTerminal(after.state)) placement.leave(one, false);
      if (event.kind === "started") {
        one.fullRefusals = 0;
        // Known to the node's journal; it becomes durable here together with the outcome.
        notify(one);
        return true;
      }
      const ended = currentAttempt(after) === null ? closeAttempt(one, event) : null;
      await writer.write(one.id, { message: after.message, fence, change }, () => {
        if (isTerminal(after.state) && !isHidden) one.ended.resolve(after);
      });
      if (isHidden) {
        one.task = applyChange(one.task, change);
        one.ending = null;
      }
      if (ended !== null) events.emit("attempt.ended", ended);
      if (change.cancelRequestedAtMs !== undefined) events.emit("task.cancel_requested", { taskId: one.id });
    }
    if (step.change?.endedAtMs !== undefined) end(one, step.next);
    else if (!isTerminal(latestTask(one).state)) follow(one, step.next, event);
    return true;
  }

  function end(one: LiveTask, next: NextStep): void {
    if (next.kind === "stop") stopRun(one, next.attempt, next.reason);
    finish(one);
  }

  /** @returns what to tell of the attempt after the commit; null: it had never been placed */
  function closeAttempt(one: LiveTask, event: TaskEvent): MeshEvents["attempt.ended"] | null {
    one.forgetTimer();
    one.isRecovering = false;
    one.times.answeredMs = clock.monotonicMs();
    if (event.kind === "succeeded") one.node?.recordLatency(one.times.answeredMs - one.times.offeredMs);
    else one.preview.clear();
    one.answerParts = [];
    one.answerLength = 0;
    const { attempts, cancelRequestedAtMs } = latestTask(one);
    const attempt = attempts.at(-1);
    if (attempt === undefined || one.node === null) return null;
    const { number, nodeId, failure } = attempt;
    // Many runtimes confirm no stop: a run that its sender has cancelled is lost with them, which is nothing against the node.
    const isCancelled = cancelRequestedAtMs !== null && failure?.class === "lost_after_start";
    return { taskId: one.id, attempt: number, nodeId, failure: isCancelled ? null : failure };
  }

  function follow(one: LiveTask, next: NextStep, event: TaskEvent): void {
    switch (next.kind) {
      case "none":
      case "late":
        return;
      case "route":
        routeAgain(one, next, event);
        return;
      case "await_report":
        timers.in(one, next.forMs, () => void report(one, { kind: "grace_ended", attempt: next.attempt }));
        return;
      case "stop":
        stopRun(one, next.attempt, next.reason);
        if (next.confirmMs !== null) {
          timers.in(one, next.confirmMs, () => void report(one, { kind: "cancel_unconfirmed" }));
        }
        return;
      default:
        next satisfies never;
    }
  }

  function routeAgain(one: LiveTask, next: Extract<NextStep, { kind: "route" }>, event: TaskEvent): void {
    // It goes to another node now: the run that was lost must not come back to life.
    if (event.kind === "grace_ended") stopRun(one, event.attempt, "superseded");
    const last = one.task.attempts.at(-1);
    if (last !== undefined && (event.kind === "lost" || last.state === "refused")) {
      passOver(one, options.byNode.on(last.nodeId), options.router);
      if (one.passedOver.has(last.nodeId)) placement.noteRefusal(one);
    }
    placement.release(one);
    one.avoid = next.avoid;
    options.onPaused();
    if (next.afterMs === 0) {
      route(one);
      return;
    }
    placement.pause(one);
    timers.in(one, next.afterMs, () => options.join(one));
  }

  function moveWhenPossible(one: LiveTask, attempt: AttemptNumber): void {
    timers.in(one, graceMs(one.task), () => {
      if (!one.isRecovering || currentAttempt(latestTask(one))?.number !== attempt) return;
      if (placement.hasOther(one)) void report(one, { kind: "grace_ended", attempt });
      else moveWhenPossible(one, attempt);
    });
  }

  function stopRun(one: LiveTask, attempt: AttemptNumber, reason: CancelFrame["reason"]): void {
    if (one.node !== null) sender.stop(one.node, one.id, attempt, reason);
  }

  function finish(one: LiveTask): void {
    options.drop(one);
    events.emit("task.ended", { taskId: one.id, state: one.task.state, failure: one.task.failure });
    one.ended.resolve(one.task);
    notify(one);
  }

  return { report, finish, stopRun, moveWhenPossible };
}
