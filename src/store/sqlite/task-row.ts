import { z } from "zod";
import type { Attempt, Task } from "../../domain/tasks/task.ts";
import { Requirements } from "../../protocol/capability.ts";
import { Decision } from "../../protocol/decision.ts";
import { Failure } from "../../protocol/failure.ts";
import { AttemptNumber, NodeId, TaskId } from "../../protocol/ids.ts";
import { Effects } from "../../protocol/message.ts";
import { Labels } from "../../protocol/rule.ts";
import { AttemptState, TaskState } from "../../protocol/task.ts";
import { booleanColumn, jsonColumn, parseRow } from "./row.ts";

const TaskRow = z.object({
  id: TaskId,
  state: TaskState,
  is_cancel_requested: booleanColumn,
  ended_at_ms: z.number().nullable(),
  node_id: NodeId.nullable(),
  subject: z.string(),
  source: z.string(),
  session: z.string().nullable(),
  target: z.string().nullable(),
  effects: Effects,
  infer: booleanColumn,
  timeout_ms: z.number(),
  created_at_ms: z.number(),
  idempotency_key: z.string().nullable(),
  body_hash: z.string().nullable(),
  requires: jsonColumn(Requirements),
  labels: jsonColumn(Labels),
  failure: jsonColumn(Failure).nullable(),
  decision: jsonColumn(Decision).nullable(),
  content: z.string(),
  response: z.string().nullable(),
});

const AttemptRow = z.object({
  task_id: TaskId,
  number: AttemptNumber,
  node_id: NodeId,
  node_name: z.string(),
  state: AttemptState,
  offered_at_ms: z.number(),
  started_at_ms: z.number().nullable(),
  ended_at_ms: z.number().nullable(),
  failure: jsonColumn(Failure).nullable(),
  is_late_result: booleanColumn,
});

export function fromTaskRow(taskRow: unknown, attempts: readonly Attempt[]): Task {
  const row = parseRow(TaskRow, "tasks", taskRow);
  return {
    message: {
      id: row.id,
      subject: row.subject,
      content: row.content,
      source: row.source,
      session: row.session,
      requires: row.requires,
      labels: row.labels,
      target: row.target,
      effects: row.effects,
      infer: row.infer,
      timeoutMs: row.timeout_ms,
      createdAtMs: row.created_at_ms,
      idempotencyKey: row.idempotency_key,
      bodyHash: row.body_hash,
    },
    state: row.state,
    isCancelRequested: row.is_cancel_requested,
    endedAtMs: row.ended_at_ms,
    nodeId: row.node_id,
    response: row.response,
    failure: row.failure,
    decision: row.decision,
    attempts,
  };
}

export function fromAttemptRow(attemptRow: unknown): { readonly taskId: TaskId; readonly attempt: Attempt } {
  const row = parseRow(AttemptRow, "attempts", attemptRow);
  return {
    taskId: row.task_id,
    attempt: {
      number: row.number,
      nodeId: row.node_id,
      nodeName: row.node_name,
      state: row.state,
      offeredAtMs: row.offered_at_ms,
      startedAtMs: row.started_at_ms,
      endedAtMs: row.ended_at_ms,
      failure: row.failure,
      isLateResult: row.is_late_result,
    },
  };
}
