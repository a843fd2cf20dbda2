import type { Attempt, Task } from "../../domain/tasks/task.ts";
import { fromIsoTime, toIsoTime } from "../../platform/clock.ts";
import type { AttemptInfo, RetryInfo, TaskInfo, TaskSummary } from "../../protocol/task.ts";
import { unblockText } from "../../protocol/unblock-text.ts";
import type { TaskOutline } from "../../store/tasks.ts";
import { toTimeline } from "./timeline.ts";

function isoOrNull(epochMs: number | null): string | null {
  return epochMs === null ? null : toIsoTime(epochMs);
}

function toAttemptInfo(attempt: Attempt): AttemptInfo {
  return {
    attempt: attempt.number,
    node_id: attempt.nodeId,
    node_name: attempt.nodeName,
    state: attempt.state,
    offered_at: toIsoTime(attempt.offeredAtMs),
    started_at: isoOrNull(attempt.startedAtMs),
    ended_at: isoOrNull(attempt.endedAtMs),
    failure: attempt.failure,
    late_result: attempt.isLateResult,
    runtime: attempt.runtime ?? null,
  };
}

function toRetryInfo({ retry }: Task["message"]): RetryInfo {
  return {
    max_attempts: retry.maxAttempts,
    base_delay_s: retry.baseDelayMs / 1000,
    max_delay_s: retry.maxDelayMs / 1000,
    on: [...retry.on],
  };
}

/** What a queued task waits for, in words; null when it waits for nothing, or nobody has looked yet. */
export function waitingText(task: Task, nowMs: number): string | null {
  if (task.state !== "queued") return null;
  const { notBeforeMs } = task.message;
  // Between its time and its next decision the one before says no more than that.
  const lookedAtMs = task.decision === null ? nowMs : Math.min(nowMs, fromIsoTime(task.decision.decided_at));
  if (notBeforeMs !== null && notBeforeMs > lookedAtMs) return `its time, ${toIsoTime(notBeforeMs)}`;
  return task.decision === null ? null : unblockText(task.decision, nowMs);
}

interface TaskInfoView {
  readonly nowMs: number;
  /** The caller has the scope `read`: he may see who sent it, and from where. */
  readonly seesAll: boolean;
}

/** The task as the API shows it. */
export function toTaskInfo(task: Task, { nowMs, seesAll }: TaskInfoView): TaskInfo {
  const { message } = task;
  return {
    id: message.id,
    state: task.state,
    content: message.content,
    subject: seesAll ? message.subject : null,
    source: message.source,
    session: message.session,
    requires: message.requires,
    labels: message.labels,
    target: message.target,
    effects: message.effects,
    priority: message.priority,
    synchronous: message.isSynchronous,
    untrusted: message.isUntrusted,
    from_address: seesAll ? message.address : null,
    timeout_s: message.timeoutMs / 1000,
    retry: toRetryInfo(message),
    created_at: toIsoTime(message.createdAtMs),
    not_before: isoOrNull(message.notBeforeMs),
    expires_at: isoOrNull(message.expiresAtMs),
    ended_at: isoOrNull(task.endedAtMs),
    cancel_requested: task.cancelRequestedAtMs !== null,
    node_id: task.nodeId,
    node_name: task.attempts.at(-1)?.nodeName ?? null,
    attempt_count: task.attempts.length,
    response: task.response,
    failure: task.failure,
    waiting_for: waitingText(task, nowMs),
    retry_of: message.retryOf,
    retried_as: task.retriedAs,
    discarded_at: isoOrNull(task.discardedAtMs),
    attempts: task.attempts.map(toAttemptInfo),
    timeline: toTimeline(task),
  };
}

interface TaskSummaryView {
  /** What it waits for now, as the engine knows it. */
  readonly waitingFor: string | null;
  readonly seesAll: boolean;
}

export function toTaskSummary(task: TaskOutline, { waitingFor, seesAll }: TaskSummaryView): TaskSummary {
  return {
    id: task.id,
    state: task.state,
    content_preview: task.contentPreview,
    subject: seesAll ? task.subject : null,
    source: task.source,
    session: task.session,
    labels: task.labels,
    target: task.target,
    effects: task.effects,
    priority: task.priority,
    synchronous: task.isSynchronous,
    untrusted: task.isUntrusted,
    created_at: toIsoTime(task.createdAtMs),
    not_before: isoOrNull(task.notBeforeMs),
    expires_at: isoOrNull(task.expiresAtMs),
    ended_at: isoOrNull(task.endedAtMs),
    cancel_requested: task.cancelRequestedAtMs !== null,
    node_id: task.nodeId,
    node_name: task.nodeName,
    attempt_count: task.attemptCount,
    failure: task.failure,
    waiting_for: waitingFor,
    retry_of: task.retryOf,
    retried_as: task.retriedAs,
    discarded_at: isoOrNull(task.discardedAtMs),
  };
}
