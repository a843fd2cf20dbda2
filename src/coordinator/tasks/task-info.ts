import type { Attempt, Task } from "../../domain/tasks/task.ts";
import { toIsoTime } from "../../platform/clock.ts";
import type { AttemptInfo, TaskInfo } from "../../protocol/task.ts";

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
  };
}

/** The task as the API shows it. */
export function toTaskInfo(task: Task): TaskInfo {
  const { message } = task;
  return {
    id: message.id,
    state: task.state,
    content: message.content,
    source: message.source,
    session: message.session,
    requires: message.requires,
    labels: message.labels,
    target: message.target,
    effects: message.effects,
    timeout_s: message.timeoutMs / 1000,
    created_at: toIsoTime(message.createdAtMs),
    ended_at: isoOrNull(task.endedAtMs),
    cancel_requested: task.isCancelRequested,
    node_id: task.nodeId,
    response: task.response,
    failure: task.failure,
    attempts: task.attempts.map(toAttemptInfo),
  };
}
