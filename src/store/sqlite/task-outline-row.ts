import { z } from "zod";
import { Failure } from "../../protocol/failure.ts";
import { NodeId, TaskId } from "../../protocol/ids.ts";
import { Effects } from "../../protocol/message.ts";
import { Labels } from "../../protocol/rule.ts";
import { TaskState } from "../../protocol/task.ts";
import type { TaskOutline } from "../tasks.ts";
import { deliveryColumn } from "./delivery-column.ts";
import { toPreview } from "./preview-column.ts";
import { jsonColumn, parseRow } from "./row.ts";

/** What {@link fromOutlineRow} reads: nothing that lies behind a large content. */
export const outlineColumns = `
  id, state, subject, source, session, labels, target, effects, created_at_ms, ended_at_ms, cancel_requested_at_ms, node_id,
  failure, delivery, retried_as, discarded_at_ms, json_array_length(attempts) as attempt_count,
  attempts ->> '$[#-1].nodeName' as node_name, coalesce(content_preview, content) as preview`;

const OutlineRow = z.object({
  id: TaskId,
  state: TaskState,
  subject: z.string(),
  source: z.string(),
  session: z.string().nullable(),
  labels: jsonColumn(Labels),
  target: z.string().nullable(),
  effects: Effects,
  created_at_ms: z.number(),
  ended_at_ms: z.number().nullable(),
  cancel_requested_at_ms: z.number().nullable(),
  node_id: NodeId.nullable(),
  failure: jsonColumn(Failure).nullable(),
  delivery: deliveryColumn,
  retried_as: TaskId.nullable(),
  discarded_at_ms: z.number().nullable(),
  attempt_count: z.int(),
  node_name: z.string().nullable(),
  preview: z.string(),
});

export function fromOutlineRow(outlineRow: unknown): TaskOutline {
  const row = parseRow(OutlineRow, "tasks", outlineRow);
  const { priority, isSynchronous, isUntrusted, notBeforeMs, expiresAtMs, retryOf } = row.delivery;
  return {
    id: row.id,
    state: row.state,
    contentPreview: toPreview(row.preview),
    subject: row.subject,
    source: row.source,
    session: row.session,
    labels: row.labels,
    target: row.target,
    effects: row.effects,
    priority,
    isSynchronous,
    isUntrusted,
    createdAtMs: row.created_at_ms,
    notBeforeMs,
    expiresAtMs,
    endedAtMs: row.ended_at_ms,
    cancelRequestedAtMs: row.cancel_requested_at_ms,
    nodeId: row.node_id,
    nodeName: row.node_name,
    attemptCount: row.attempt_count,
    failure: row.failure,
    retryOf,
    retriedAs: row.retried_as,
    discardedAtMs: row.discarded_at_ms,
  };
}
