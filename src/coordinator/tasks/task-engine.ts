import type { RouteDecision } from "../../domain/routing/index.ts";
import { toDecision } from "../../domain/routing/index.ts";
import { graceMs } from "../../domain/tasks/retry-policy.ts";
import { type Attempt, newTask, type Task, type TaskMessage } from "../../domain/tasks/task.ts";
import {
  applyChange,
  currentAttempt,
  isTerminal,
  type NextStep,
  nextTaskState,
  type TaskEvent,
} from "../../domain/tasks/task-machine.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Deadlines } from "../../platform/deadlines.ts";
import type { Log } from "../../platform/log.ts";
import type { Random } from "../../platform/random.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { AttemptNumber, NodeId, TaskId } from "../../protocol/ids.ts";
import type { CancelFrame } from "../../protocol/link/v1/frames.ts";
import type { TaskStore } from "../../store/tasks.ts";
import type { MeshEventEmitter, MeshEvents } from "../events/mesh-events.ts";
import type { MeshNode } from "../nodes/mesh-node.ts";
import type { NodeRegistry } from "../nodes/registry.ts";
import type { Router } from "../routing/router.ts";
import { createLiveTask, type LiveTask, notify, setTimer } from "./live-task.ts";
import { passOver } from "./pass-over.ts";
import { createPlacement } from "./placement.ts";
import { createRepeatGuard, endedTask } from "./repeats.ts";
import { recoveryGraceMs, takeUpTask } from "./taken-up-task.ts";
import { createTaskWriter } from "./task-writer.ts";

/** Writes to the links; see dispatch/dispatch.ts. */
export interface AttemptSender {
  /** @returns false when the node's link is not open: the attempt was never written */
  readonly offer: (live: LiveTask, attempt: Attempt) => boolean;
  readonly stop: (
    node: MeshNode,
    task: TaskId,
    attempt: AttemptNumber,
    reason: CancelFrame["reason"],
  ) => void;
}

/**
 * The life of every message of this coordinator: accept, decide, offer, record. The transitions themselves are in
 * domain/tasks/task-machine.ts; the engine commits each before anything that depends on it leaves the process: an offer,
 * an answer, an event. Who looks at a task may see a transition whose commit is still on its way.
 */
export interface TaskEngine {
  /**
   * Accepts a message; resolves after its commit. Rejects with NODE_NOT_FOUND, NODE_OFFLINE, QUEUE_FULL, COORDINATOR_STOPPING, STORE_UNAVAILABLE or
   * IDEMPOTENCY_CONFLICT. A repeat of a key joins the task that has it.
   */
  readonly submit: (message: TaskMessage) => Promise<LiveTask>;
  readonly find: (id: TaskId) => LiveTask | null;
  /** Asks for the end of a task; without effect on one that has ended. */
  readonly cancel: (live: LiveTask) => void;
  /**
   * Something happened to an attempt. Resolves after the commit, with false when it changed nothing: the report belongs
   * to the history only, or a fault kept it out, which is logged.
   */
  readonly report: (live: LiveTask, event: TaskEvent) => Promise<boolean>;
  /** Resolves when all that happened to the task so far is committed. */
  readonly settled: (id: TaskId) => Promise<void>;
  /** The node has reported that it runs the current attempt: nothing has to be waited for any more. */
  readonly resume: (live: LiveTask) => void;
  /** The node has lost the gateway of the run, or has it back. A safe task moves as soon as another node can take it. */
  readonly setRecovering: (live: LiveTask, isRecovering: boolean) => void;
  /** Tasks whose current attempt was written to this node's link. */
  readonly onNode: (nodeId: NodeId) => readonly LiveTask[];
  /** Takes up what a former process left unfinished. */
  readonly recover: () => Promise<void>;
  readonly size: () => number;
  /**
   * Takes no new work; resolves when all has ended or the time is over. Those who still wait then are told
   * COORDINATOR_STOPPING; their tasks stay on record and are taken up by the next process.
   */
  readonly drain: (deadlineMs: number) => Promise<void>;
}

interface EngineOptions {
  readonly store: TaskStore;
  readonly registry: NodeRegistry;
  readonly router: Router;
  readonly sender: AttemptSender;
  readonly events: MeshEventEmitter;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly random: Random;
  readonly log: Log;
}

export function createTaskEngine(options: EngineOptions): TaskEngine {
  const { store, registry, router, sender, events, clock, deadlines, random, log } = options;
  const live = new Map<TaskId, LiveTask>();
  const placement = createPlacement({
    registry,
    router,
    events,
    clock,
    random,
    onMayGo: (id) => {
      const one = live.get(id);
      if (one !== undefined) route(one);
    },
  });
  const findLive = (id: TaskId) => live.get(id) ?? null;
  const submit = createRepeatGuard({ store, findLive, accept });
  const writer = createTaskWriter(store, deadlines, log);
  let isStopping = false;
  let onEmpty: (() => void) | null = null;

  // ---- accepting ----

  async function accept(message: TaskMessage): Promise<LiveTask> {
    if (message.target !== null) router.assertTarget(message.target);
    const decided = placement.decideFirst(message);
    const one = createLiveTask(newTask(message), clock.monotonicMs());
    live.set(one.id, one);
    let follow: () => void;
    let existing: Task | null;
    try {
      follow = apply(one, decided);
      existing = await store.accept(one.task, message.idempotencyKey === null ? "process" : "full");
    } catch (error) {
      drop(one);
      throw error;
    }
    if (existing !== null) {
      drop(one);
      return live.get(existing.message.id) ?? endedTask(existing);
    }
    events.emit("task.accepted", { taskId: one.id });
    // It may have been cancelled while its commit was on the way.
    if (!live.has(one.id)) return one;
    one.forgetTimeout = deadlines.in(message.timeoutMs, () => timeOut(one));
    follow();
    return one;
  }

  /** Puts a decision into the task before its first commit. @returns what to do after that commit */
  function apply(one: LiveTask, decided: RouteDecision): () => void {
    if (placement.waitMs(one, decided) !== null) {
      one.task = applyChange(one.task, { decision: toDecision(decided, clock.nowMs()) });
      // Decided again: what it would wait for may have happened during the commit.
      return () => route(one);
    }
    const event = placement.toEvent(one, decided);
    const step = nextTaskState(one.task, event, { nowMs: clock.nowMs(), random: random.next() });
    if (step.change !== null) one.task = applyChange(one.task, step.change);
    if (event.kind !== "offered") return () => finish(one);
    placement.hold(one, decided);
    return () => sendOffer(one);
  }

  function drop(one: LiveTask): void {
    live.delete(one.id);
    placement.leave(one);
    one.forgetTimeout();
    one.forgetTimer();
    placement.release(one);
    if (live.size === 0) onEmpty?.();
  }

  // ---- transitions ----

  /** Never rejects: nobody waits for most reports, and a fault in one must not end the process. */
  async function report(one: LiveTask, event: TaskEvent): Promise<boolean> {
    try {
      return await take(one, event);
    } catch (error) {
      log.error("a task could not take an event", { task: one.id, event: event.kind, error });
      return false;
    }
  }

  async function take(one: LiveTask, event: TaskEvent): Promise<boolean> {
    const step = nextTaskState(one.task, event, { nowMs: clock.nowMs(), random: random.next() });
    if (step.next.kind === "late") return false;
    if (step.change !== null) {
      const fence = { attempt: one.task.attempts.at(-1)?.number ?? 0 };
      one.task = applyChange(one.task, step.change);
      if (event.kind === "started") {
        // Known to the node's journal; it becomes durable here together with the outcome.
        notify(one);
        return true;
      }
      const ended = currentAttempt(one.task) === null ? closeAttempt(one, event) : null;
      await writer.write(one.id, { fence, change: step.change }, () => {
        // Those who wait for the end are told at once: what was done was done.
        if (isTerminal(one.task.state)) one.ended.resolve(one.task);
      });
      if (ended !== null) events.emit("attempt.ended", ended);
    }
    if (step.change?.endedAtMs !== undefined) end(one, step.next);
    else if (!isTerminal(one.task.state)) follow(one, step.next, event);
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
    const attempt = one.task.attempts.at(-1);
    if (attempt === undefined || one.node === null) return null;
    const { number, nodeId, failure } = attempt;
    return { taskId: one.id, attempt: number, nodeId, failure };
  }

  function follow(one: LiveTask, next: NextStep, event: TaskEvent): void {
    switch (next.kind) {
      case "none":
      case "late":
        return;
      case "route":
        // It goes to another node now: the run that was lost must not come back to life.
        if (event.kind === "grace_ended") stopRun(one, event.attempt, "superseded");
        if (event.kind === "refused" || event.kind === "lost") passOver(one, live.values(), router);
        placement.release(one);
        one.avoid = next.avoid;
        if (next.afterMs === 0) route(one);
        else
          setTimer(
            one,
            deadlines.in(next.afterMs, () => route(one)),
          );
        return;
      case "await_report":
        // The time a cancel has for its confirmation is the shorter one, and runs already.
        if (one.task.cancelRequestedAtMs !== null) return;
        setTimer(
          one,
          deadlines.in(next.forMs, () => void report(one, { kind: "grace_ended", attempt: next.attempt })),
        );
        return;
      case "stop":
        stopRun(one, next.attempt, next.reason);
        if (next.confirmMs !== null) {
          setTimer(
            one,
            deadlines.in(next.confirmMs, () => void report(one, { kind: "cancel_unconfirmed" })),
          );
        }
        return;
      default:
        next satisfies never;
    }
  }

  function timeOut(one: LiveTask): void {
    const isNodeAway = one.isRecovering || (one.node !== null && !one.node.isOnline);
    void report(one, { kind: "timed_out", isNodeAway });
  }

  function moveWhenPossible(one: LiveTask, attempt: AttemptNumber): void {
    const forget = deadlines.in(graceMs(one.task.message), () => {
      if (!one.isRecovering || currentAttempt(one.task)?.number !== attempt) return;
      if (placement.hasOther(one)) void report(one, { kind: "grace_ended", attempt });
      else moveWhenPossible(one, attempt);
    });
    setTimer(one, forget);
  }

  function stopRun(one: LiveTask, attempt: AttemptNumber, reason: CancelFrame["reason"]): void {
    if (one.node !== null) sender.stop(one.node, one.id, attempt, reason);
  }

  function finish(one: LiveTask): void {
    drop(one);
    events.emit("task.ended", { taskId: one.id, state: one.task.state, failure: one.task.failure });
    one.ended.resolve(one.task);
    notify(one);
  }

  // ---- routing again ----

  function route(one: LiveTask): void {
    if (isTerminal(one.task.state) || currentAttempt(one.task) !== null) return;
    const decided = placement.decideAgain(one);
    const waitMs = placement.waitMs(one, decided);
    if (waitMs !== null) {
      wait(one, decided, waitMs);
      return;
    }
    placement.leave(one);
    const event = placement.toEvent(one, decided);
    if (event.kind === "offered") placement.hold(one, decided);
    void report(one, event).then(() => {
      if (event.kind === "offered") sendOffer(one);
    });
  }

  function wait(one: LiveTask, decided: RouteDecision, forMs: number): void {
    if (isTerminal(one.task.state)) return;
    placement.wait(one, decided);
    one.forgetTimer();
    if (Number.isFinite(forMs)) {
      setTimer(
        one,
        deadlines.in(forMs, () => route(one)),
      );
    }
    notify(one);
  }

  function sendOffer(one: LiveTask): void {
    const attempt = currentAttempt(one.task);
    if (attempt === null) return;
    one.times.offeredMs = clock.monotonicMs();
    if (one.task.cancelRequestedAtMs !== null || one.node === null || !sender.offer(one, attempt)) {
      const reason = "The message was never written to the node's link.";
      void report(one, { kind: "lost", attempt: attempt.number, started: false, fenced: true, reason });
      return;
    }
    one.writtenAttempt = attempt.number;
    // A grace that began while the offer waited for its commit, for a link that was replaced meanwhile, is over.
    one.forgetTimer();
    events.emit("task.offered", { taskId: one.id, attempt: attempt.number, nodeId: attempt.nodeId });
    notify(one);
  }

  return {
    submit: async (message) => {
      if (!isStopping) return submit(message);
      throw new MeshError("COORDINATOR_STOPPING", "The coordinator is stopping and takes no new messages.");
    },
    find: findLive,
    cancel: (one) => void report(one, { kind: "cancel_requested" }),
    report,
    settled: writer.settled,
    resume: (one) => {
      const attempt = currentAttempt(one.task);
      if (attempt === null) return;
      if (one.task.cancelRequestedAtMs !== null) stopRun(one, attempt.number, "cancelled");
      else one.forgetTimer();
      one.isRecovering = false;
      if (attempt.state === "offered") void report(one, { kind: "started", attempt: attempt.number });
    },
    setRecovering: (one, isRecovering) => {
      const attempt = currentAttempt(one.task);
      if (attempt === null || one.isRecovering === isRecovering) return;
      one.isRecovering = isRecovering;
      if (one.task.cancelRequestedAtMs !== null) return;
      if (!isRecovering) one.forgetTimer();
      else if (one.task.message.effects === "safe") moveWhenPossible(one, attempt.number);
    },
    onNode: (nodeId) =>
      [...live.values()].filter((one) => {
        const attempt = currentAttempt(one.task);
        return attempt?.nodeId === nodeId && attempt.number === one.writtenAttempt;
      }),
    recover: async () => {
      for (const task of await store.listUnfinished()) takeUp(task);
    },
    size: () => live.size,
    drain: async (deadlineMs) => {
      isStopping = true;
      if (live.size === 0) return;
      await new Promise<void>((resolve) => {
        const forget = deadlines.in(deadlineMs, () => {
          for (const one of live.values()) one.ended.reject(stoppedWaiting());
          resolve();
        });
        onEmpty = () => {
          forget();
          resolve();
        };
      });
    },
  };

  /** Its client is gone with the former process, so it goes on only when it carries an idempotency key. */
  function takeUp(task: Task): void {
    const one = takeUpTask(task, registry, clock.monotonicMs());
    live.set(one.id, one);
    const leftMs = task.message.createdAtMs + task.message.timeoutMs - clock.nowMs();
    one.forgetTimeout = deadlines.in(leftMs, () => timeOut(one));
    const attempt = currentAttempt(task);
    const isWanted =
      !task.message.isSynchronous ||
      task.message.idempotencyKey !== null ||
      task.cancelRequestedAtMs !== null;
    if (!isWanted) void report(one, { kind: "cancel_requested" });
    else if (attempt === null) route(one);
    if (attempt === null) return;
    const event = { kind: "grace_ended", attempt: attempt.number } as const;
    setTimer(
      one,
      deadlines.in(recoveryGraceMs, () => void report(one, event)),
    );
  }
}

function stoppedWaiting(): MeshError {
  return new MeshError("COORDINATOR_STOPPING", "The coordinator stops before the answer has come.", {
    hint: "With an Idempotency-Key the same call gets the answer from the next coordinator.",
  });
}
