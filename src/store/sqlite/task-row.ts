import { z } from "zod";
import type { Task } from "../../domain/tasks/task.ts";
import { Requirements, RuntimeKind } from "../../protocol/capability.ts";
import { Failure } from "../../protocol/failure.ts";
import { AttemptNumber, NodeId, TaskId } from "../../protocol/ids.ts";
import { Effects } from "../../protocol/message.ts";
import { Labels } from "../../protocol/rule.ts";
import { AttemptState, TaskState } from "../../protocol/task.ts";
import { decisionColumn } from "./decision-column.ts";
import { deliveryColumn } from "./delivery-column.ts";
import { booleanColumn, jsonColumn, parseRow } from "./row.ts";

const StoredAttempt = z.object({
  number: AttemptNumber,
  nodeId: NodeId,
  nodeName: z.string(),
  state: AttemptState,
  offeredAtMs: z.number(),
  startedAtMs: z.number().nullable(),
  endedAtMs: z.number().nullable(),
  failure: Failure.nullable(),
  isLateResult: z.boolean(),
  runtime: RuntimeKind.optional(),
});

const TaskRow = z.object({
  id: TaskId,
  state: TaskState,
  cancel_requested_at_ms: z.number().nullable(),
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
  attempts: jsonColumn(z.array(StoredAttempt)),
  decision: decisionColumn.nullable(),
  content: z.string(),
  response: z.string().nullable(),
  delivery: deliveryColumn,
  retried_as: TaskId.nullable(),
  discarded_at_ms: z.number().nullable(),
});

export function fromTaskRow(taskRow: unknown): Task {
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
      ...row.delivery,
      idempotencyKey: row.idempotency_key,
      bodyHash: row.body_hash,
    },
    state: row.state,
    cancelRequestedAtMs: row.cancel_requested_at_ms,
    endedAtMs: row.ended_at_ms,
    nodeId: row.node_id,
    response: row.response,
    failure: row.failure,
    decision: row.decision,
    attempts: row.attempts,
    retriedAs: row.retried_as,
    discardedAtMs: row.discarded_at_ms,
  };
}
