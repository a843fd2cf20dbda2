import type { RuntimeKind } from "../../protocol/capability.ts";
import type { Decision } from "../../protocol/decision.ts";
import { type Failure, maxFailureLength } from "../../protocol/failure.ts";
import type { AttemptNumber, NodeId } from "../../protocol/ids.ts";
import type { TaskState } from "../../protocol/task.ts";
import {
  cancelConfirmMs,
  countedAttempts,
  graceMs,
  isRetryable,
  maxOffers,
  mayMove,
  mayRunAgain,
  retryDelayMs,
} from "./retry-policy.ts";
import type { Attempt, Task, TaskChange } from "./task.ts";

/**
 * The life of a task and its attempts.
 *
 *     task:     queued ──offered──▶ running ──succeeded | failed | …──▶ succeeded | failed | cancelled | expired
 *                 ▲                    │
 *                 └─ refused, lost, retryable failure ─┘
 *     attempt:  offered ──started──▶ finished | lost          offered ──▶ refused | lost
 *
 * Every transition has its row in docs/reference/task-states.md, together with the invariants, and its case in
 * transition-cases.ts. docs/explanation/delivery.md tells the story in words.
 */
export type TaskEvent =
  /** The router chose a node; the attempt is about to be written to its link. */
  | {
      readonly kind: "offered";
      readonly nodeId: NodeId;
      readonly nodeName: string;
      readonly decision: Decision;
    }
  /** A node has an attempt in its journal that the record lost; `attempt` is the next number. */
  | {
      readonly kind: "found";
      readonly attempt: AttemptNumber;
      readonly nodeId: NodeId;
      readonly nodeName: string;
    }
  /** The node did not take it. */
  | { readonly kind: "refused"; readonly attempt: AttemptNumber; readonly message: string }
  | {
      readonly kind: "started";
      readonly attempt: AttemptNumber;
      /** Which of the node's runtimes has it, where that is known. */
      readonly runtime?: RuntimeKind | undefined;
    }
  | { readonly kind: "succeeded"; readonly attempt: AttemptNumber; readonly text: string }
  | { readonly kind: "failed"; readonly attempt: AttemptNumber; readonly failure: Failure }
  /** The link to the node is gone; the run may go on there. */
  | { readonly kind: "link_lost"; readonly attempt: AttemptNumber }
  /** It is certain that nothing more will be heard of the run, or that it never began; not after it was heard to start. */
  | {
      readonly kind: "lost";
      readonly attempt: AttemptNumber;
      readonly started: boolean;
      readonly fenced: boolean;
      readonly reason: string;
    }
  /** The grace ran out without a report. */
  | { readonly kind: "grace_ended"; readonly attempt: AttemptNumber }
  | { readonly kind: "cancel_requested" }
  /** The node confirmed that the run was stopped. */
  | { readonly kind: "stopped"; readonly attempt: AttemptNumber }
  | { readonly kind: "cancel_unconfirmed" }
  /** `isNodeAway`: nobody can say what the run is doing now. */
  | { readonly kind: "timed_out"; readonly isNodeAway: boolean }
  /** `expires_at` has come; without effect while an attempt is open. */
  | { readonly kind: "expired" }
  /** The record comes out of a backup: the task may have run, or have ended, since that was made. */
  | { readonly kind: "restored"; readonly backupMadeAt: string }
  /** No node fits and waiting is not wanted, or all candidates refused. */
  | { readonly kind: "unroutable"; readonly failure: Failure; readonly decision: Decision };

/** What has to be done after a transition. */
export type NextStep =
  | { readonly kind: "none" }
  /** Find a node, after a delay; `avoid` goes last. */
  | { readonly kind: "route"; readonly afterMs: number; readonly avoid: NodeId | null }
  /** Wait for the node to return and report. */
  | { readonly kind: "await_report"; readonly attempt: AttemptNumber; readonly forMs: number }
  /** Stop the run on the node; `confirmMs`: how long to wait for it (null: the task has ended already). */
  | {
      readonly kind: "stop";
      readonly attempt: AttemptNumber;
      readonly reason: "cancelled" | "timeout" | "superseded";
      readonly confirmMs: number | null;
    }
  /** The report belongs to the history only. */
  | { readonly kind: "late" };

export interface TaskStep {
  /** null: nothing changes. */
  readonly change: TaskChange | null;
  readonly next: NextStep;
}

const terminalStates: ReadonlySet<TaskState> = new Set(["succeeded", "failed", "cancelled", "expired"]);

export function isTerminal(state: TaskState): boolean {
  return terminalStates.has(state);
}

/** The newest attempt while its outcome is open; null otherwise. */
export function currentAttempt(task: Task): Attempt | null {
  const newest = task.attempts.at(-1);
  return newest !== undefined && (newest.state === "offered" || newest.state === "started") ? newest : null;
}

const nothing: TaskStep = { change: null, next: { kind: "none" } };
const late: TaskStep = { change: null, next: { kind: "late" } };

/** @param random in [0, 1), for the jitter of retries */
export function nextTaskState(
  task: Task,
  event: TaskEvent,
  context: { nowMs: number; random: number },
): TaskStep {
  if (isTerminal(task.state)) return "attempt" in event ? late : nothing;
  switch (event.kind) {
    case "offered":
      return offer(task, event, context.nowMs);
    case "found":
      return find(task, event, context.nowMs);
    case "cancel_requested":
      return requestCancel(task, context.nowMs);
    case "cancel_unconfirmed":
      return task.cancelRequestedAtMs !== null
        ? end(task, "cancelled", context.nowMs, unconfirmedCancel)
        : nothing;
    case "timed_out":
      return timeOut(task, event.isNodeAway, context.nowMs);
    case "expired":
      return currentAttempt(task) === null ? end(task, "expired", context.nowMs, null) : nothing;
    case "restored":
      return restore(task, event.backupMadeAt, context.nowMs);
    case "unroutable":
      // Decided before an attempt was made that is open now: what becomes of that one counts.
      if (currentAttempt(task) !== null) return nothing;
      return {
        change: { ...endChange("failed", context.nowMs, event.failure), decision: event.decision },
        next: none,
      };
    default:
      return report(task, event, context);
  }
}

const none: NextStep = { kind: "none" };
const unconfirmedCancel: Failure = {
  class: "outcome_unknown",
  message: "The node did not confirm the cancel; the run may have gone on.",
};

type AttemptEvent = Exclude<Extract<TaskEvent, { attempt: AttemptNumber }>, { kind: "found" }>;

/** Transitions that a report about the current attempt causes; any other attempt's report is late. */
function report(task: Task, event: AttemptEvent, context: { nowMs: number; random: number }): TaskStep {
  const attempt = currentAttempt(task);
  if (attempt === null || attempt.number !== event.attempt) return late;
  const { nowMs } = context;
  switch (event.kind) {
    case "started":
      return attempt.state === "started" ? nothing : start(attempt, event.runtime, nowMs);
    case "succeeded":
      return {
        change: {
          state: "succeeded",
          endedAtMs: nowMs,
          response: event.text,
          attempts: [{ ...attempt, state: "finished", endedAtMs: nowMs }],
        },
        next: none,
      };
    case "refused":
      return refuse(task, attempt, event.message, nowMs);
    case "failed":
      return fail(task, attempt, event.failure, context);
    case "link_lost":
      // The time that a cancel has for its confirmation runs already, and is the shorter one.
      if (task.cancelRequestedAtMs !== null) return nothing;
      return {
        change: null,
        next: { kind: "await_report", attempt: attempt.number, forMs: graceMs(task) },
      };
    case "lost":
      return lose(task, attempt, { ...event, started: event.started || attempt.state === "started" }, nowMs);
    case "grace_ended":
      return lose(
        task,
        attempt,
        { started: true, fenced: false, reason: "The node did not come back in time." },
        nowMs,
      );
    case "stopped":
      return task.cancelRequestedAtMs !== null
        ? end(task, "cancelled", nowMs, null)
        : lose(task, attempt, { started: true, fenced: true, reason: "The node stopped the run." }, nowMs);
    default:
      return event satisfies never;
  }
}

function offer(task: Task, event: Extract<TaskEvent, { kind: "offered" }>, nowMs: number): TaskStep {
  if (currentAttempt(task) !== null) return nothing;
  const { change } = open(task, event, nowMs);
  return { change: { ...change, decision: event.decision }, next: none };
}

/** As if it had just been offered: whether it began is known when the node says more. */
function find(task: Task, event: Extract<TaskEvent, { kind: "found" }>, nowMs: number): TaskStep {
  const isNext = currentAttempt(task) === null && event.attempt === nextNumber(task);
  return isNext ? open(task, event, nowMs) : late;
}

function nextNumber(task: Task): AttemptNumber {
  return (task.attempts.at(-1)?.number ?? 0) + 1;
}

function open(
  task: Task,
  { nodeId, nodeName }: Pick<Attempt, "nodeId" | "nodeName">,
  nowMs: number,
): TaskStep {
  const attempt: Attempt = {
    number: nextNumber(task),
    nodeId,
    nodeName,
    state: "offered",
    offeredAtMs: nowMs,
    startedAtMs: null,
    endedAtMs: null,
    failure: null,
    isLateResult: false,
  };
  return { change: { state: "running", nodeId, attempts: [attempt] }, next: none };
}

function start(attempt: Attempt, runtime: RuntimeKind | undefined, nowMs: number): TaskStep {
  const started: Attempt = { ...attempt, state: "started", startedAtMs: nowMs };
  const told = runtime === undefined ? started : { ...started, runtime };
  return { change: { attempts: [told] }, next: none };
}

/** A node refuses instead of starting. From one that has said that it started it means only that the run is gone. */
function refuse(task: Task, attempt: Attempt, reason: string, nowMs: number): TaskStep {
  if (attempt.state === "started")
    return lose(task, attempt, { started: true, fenced: false, reason }, nowMs);
  const refused = closed(attempt, "refused", nowMs, { class: "refused", message: reason });
  return putBack(task, refused, nowMs, null);
}

function requestCancel(task: Task, nowMs: number): TaskStep {
  const attempt = currentAttempt(task);
  if (attempt === null) return end(task, "cancelled", nowMs, null);
  if (task.cancelRequestedAtMs !== null) return nothing;
  return {
    change: { cancelRequestedAtMs: nowMs },
    next: { kind: "stop", attempt: attempt.number, reason: "cancelled", confirmMs: cancelConfirmMs },
  };
}

function timeOut(task: Task, isNodeAway: boolean, nowMs: number): TaskStep {
  const attempt = currentAttempt(task);
  if (attempt === null) return timeOutQueued(task, nowMs);
  // Its end was asked for, and the node was told: that nobody has confirmed it is all there is to say.
  if (task.cancelRequestedAtMs !== null) return end(task, "cancelled", nowMs, unconfirmedCancel);
  const seconds = task.message.timeoutMs / 1000;
  const failure: Failure = isNodeAway
    ? {
        class: "outcome_unknown",
        message: `${attempt.nodeName} lost its way to the run and did not find it within the message's ${seconds} s.`,
      }
    : { class: "timeout", message: `${attempt.nodeName} did not answer within the message's ${seconds} s.` };
  return {
    ...end(task, "failed", nowMs, failure),
    next: { kind: "stop", attempt: attempt.number, reason: "timeout", confirmMs: null },
  };
}

function timeOutQueued(task: Task, nowMs: number): TaskStep {
  const { timeoutMs, isSynchronous } = task.message;
  const tries = task.attempts.length;
  // The time of a queued task begins with its first offer that a node takes; before that only `expires_at` ends it.
  if (!isSynchronous && countedAttempts(task) === 0) return nothing;
  const last = task.attempts.at(-1)?.failure?.message ?? "";
  const message =
    tries === 0
      ? `No node took the message within its ${timeoutMs / 1000} s.`
      : `No node answered within the message's ${timeoutMs / 1000} s, after ${tries} ${tries === 1 ? "try" : "tries"}. ${last}`;
  const failure: Failure = { class: "timeout", message: message.trimEnd().slice(0, maxFailureLength) };
  return end(task, "failed", nowMs, failure);
}

function fail(
  task: Task,
  attempt: Attempt,
  failure: Failure,
  context: { nowMs: number; random: number },
): TaskStep {
  const { nowMs } = context;
  if (failure.class === "refused") {
    return putBack(task, closed(attempt, "refused", nowMs, failure), nowMs, null);
  }
  const ended = closed(attempt, "finished", nowMs, failure);
  const { effects, retry } = task.message;
  const isAgain = isRetryable(failure, effects, retry) && countedAttempts(task) < retry.maxAttempts;
  if (!isAgain && task.cancelRequestedAtMs === null) {
    return { change: { ...endChange("failed", nowMs, failure), attempts: [ended] }, next: none };
  }
  const afterMs = retryDelayMs(retry, countedAttempts(task), context.random);
  return moveOn(task, ended, nowMs, { kind: "route", afterMs, avoid: attempt.nodeId });
}

function lose(
  task: Task,
  attempt: Attempt,
  how: { readonly started: boolean; readonly fenced: boolean; readonly reason: string },
  nowMs: number,
): TaskStep {
  const failure: Failure = {
    class: how.started ? "lost_after_start" : "lost_before_start",
    message: how.reason,
  };
  const lost = closed(attempt, "lost", nowMs, failure);
  if (!how.started) return putBack(task, lost, nowMs, attempt.nodeId);
  const isCancelled = task.cancelRequestedAtMs !== null;
  if (!isCancelled && mayMove(task)) {
    return moveOn(task, lost, nowMs, { kind: "route", afterMs: 0, avoid: attempt.nodeId });
  }
  const message = `${attempt.nodeName} was lost after it had started; what it did is not known. ${how.reason}`;
  const unknown: Failure = { class: "outcome_unknown", message: message.slice(0, maxFailureLength) };
  const state = isCancelled ? "cancelled" : "failed";
  return { change: { ...endChange(state, nowMs, unknown), attempts: [lost] }, next: none };
}

function restore(task: Task, backupMadeAt: string, nowMs: number): TaskStep {
  // One that is to be cancelled is not offered again in any case.
  if (mayRunAgain(task.message) || task.cancelRequestedAtMs !== null) return nothing;
  const message = `The database was restored from a backup of ${backupMadeAt}; whether it ran since is not known.`;
  const failure: Failure = { class: "outcome_unknown", message };
  const change = endChange("failed", nowMs, failure);
  const attempt = currentAttempt(task);
  if (attempt === null) return { change, next: none };
  return { change: { ...change, attempts: [closed(attempt, "lost", nowMs, failure)] }, next: none };
}

/** The attempt never began. It does not count, but there is an end to it: each is a line on the record. */
function putBack(task: Task, attempt: Attempt, nowMs: number, avoid: NodeId | null): TaskStep {
  if (attempt.number < maxOffers || task.cancelRequestedAtMs !== null)
    return moveOn(task, attempt, nowMs, { kind: "route", afterMs: 0, avoid });
  const message = `The message was offered ${attempt.number} times and is not offered again. ${attempt.failure?.message ?? ""}`;
  const failure: Failure = { class: "refused", message: message.trimEnd().slice(0, maxFailureLength) };
  return { change: { ...endChange("failed", nowMs, failure), attempts: [attempt] }, next: none };
}

/** The attempt is over without an answer: the task goes back to the queue, or ends when its cancel was asked for. */
function moveOn(task: Task, attempt: Attempt, nowMs: number, next: NextStep): TaskStep {
  if (task.cancelRequestedAtMs !== null)
    return { change: { ...endChange("cancelled", nowMs, null), attempts: [attempt] }, next: none };
  return { change: { state: "queued", attempts: [attempt] }, next };
}

function end(task: Task, state: TaskState, nowMs: number, failure: Failure | null): TaskStep {
  const attempt = currentAttempt(task);
  const change = endChange(state, nowMs, failure);
  if (attempt === null) return { change, next: none };
  return { change: { ...change, attempts: [closed(attempt, "finished", nowMs, failure)] }, next: none };
}

function endChange(state: TaskState, nowMs: number, failure: Failure | null): TaskChange {
  return failure === null ? { state, endedAtMs: nowMs } : { state, endedAtMs: nowMs, failure };
}

function closed(attempt: Attempt, state: Attempt["state"], nowMs: number, failure: Failure | null): Attempt {
  return { ...attempt, state, endedAtMs: nowMs, failure };
}

/** The task after a change. */
export function applyChange(task: Task, change: TaskChange): Task {
  const attempts =
    change.attempts === undefined ? task.attempts : mergeAttempts(task.attempts, change.attempts);
  return {
    message: task.message,
    state: change.state ?? task.state,
    cancelRequestedAtMs: change.cancelRequestedAtMs ?? task.cancelRequestedAtMs,
    endedAtMs: change.endedAtMs ?? task.endedAtMs,
    nodeId: change.nodeId ?? task.nodeId,
    response: change.response ?? task.response,
    failure: change.failure ?? task.failure,
    decision: change.decision ?? task.decision,
    attempts,
    retriedAs: task.retriedAs,
    discardedAtMs: task.discardedAtMs,
  };
}

function mergeAttempts(before: readonly Attempt[], changed: readonly Attempt[]): readonly Attempt[] {
  const kept = before.filter((attempt) => !changed.some((other) => other.number === attempt.number));
  return [...kept, ...changed].sort((a, b) => a.number - b.number);
}
