import { z } from "zod";
import { defaultRetryPolicy } from "../../domain/tasks/retry-policy.ts";
import type { Task, TaskMessage } from "../../domain/tasks/task.ts";
import { Requirements } from "../../protocol/capability.ts";
import { Failure } from "../../protocol/failure.ts";
import { AttemptNumber, NodeId, TaskId } from "../../protocol/ids.ts";
import { defaultPriority, Effects, Priority, RetryCause } from "../../protocol/message.ts";
import { Labels } from "../../protocol/rule.ts";
import { AttemptState, TaskState } from "../../protocol/task.ts";
import { decisionColumn } from "./decision-column.ts";
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
});

/** What of a message's delivery is not as it is for most: null in the database means that all of it is. */
const Delivery = z.object({
  isQueued: z.boolean().default(false),
  priority: Priority.default(defaultPriority),
  notBeforeMs: z.number().nullable().default(null),
  expiresAtMs: z.number().nullable().default(null),
  retryOf: TaskId.nullable().default(null),
  retry: z
    .object({
      maxAttempts: z.int(),
      baseDelayMs: z.number(),
      maxDelayMs: z.number(),
      on: z.array(RetryCause),
    })
    .nullable()
    .default(null),
});

/** @returns null when all of it is as usual: a synchronous message without wishes of its own */
export function toDeliveryColumn(message: TaskMessage): string | null {
  const { isSynchronous, priority, notBeforeMs, expiresAtMs, retryOf, retry } = message;
  const isUsual =
    isSynchronous &&
    priority === defaultPriority &&
    notBeforeMs === null &&
    expiresAtMs === null &&
    retryOf === null &&
    retry === defaultRetryPolicy;
  if (isUsual) return null;
  return JSON.stringify({
    ...(isSynchronous ? {} : { isQueued: true }),
    ...(priority === defaultPriority ? {} : { priority }),
    ...(notBeforeMs === null ? {} : { notBeforeMs }),
    ...(expiresAtMs === null ? {} : { expiresAtMs }),
    ...(retryOf === null ? {} : { retryOf }),
    ...(retry === defaultRetryPolicy ? {} : { retry: { ...retry, on: [...retry.on] } }),
  });
}

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
  delivery: jsonColumn(Delivery).nullable(),
  retried_as: TaskId.nullable(),
  discarded_at_ms: z.number().nullable(),
});

const usualDelivery = Delivery.parse({});

export function fromTaskRow(taskRow: unknown): Task {
  const row = parseRow(TaskRow, "tasks", taskRow);
  const delivery = row.delivery ?? usualDelivery;
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
      isSynchronous: !delivery.isQueued,
      priority: delivery.priority,
      notBeforeMs: delivery.notBeforeMs,
      expiresAtMs: delivery.expiresAtMs,
      retry:
        delivery.retry === null ? defaultRetryPolicy : { ...delivery.retry, on: new Set(delivery.retry.on) },
      retryOf: delivery.retryOf,
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
