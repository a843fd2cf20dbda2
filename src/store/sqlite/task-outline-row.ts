import { z } from "zod";
import { Failure } from "../../protocol/failure.ts";
import { NodeId, TaskId } from "../../protocol/ids.ts";
import { Effects } from "../../protocol/message.ts";
import { Labels } from "../../protocol/rule.ts";
import { contentPreviewLength, TaskState } from "../../protocol/task.ts";
import type { TaskOutline } from "../tasks.ts";
import { deliveryColumn } from "./delivery-column.ts";
import { jsonColumn, parseRow } from "./row.ts";

/** Bytes of UTF-8 that surely hold the preview: a code unit of UTF-16 takes 3 at most, and the last one may be cut. */
const previewBytes = contentPreviewLength * 3 + 4;

/** What {@link fromOutlineRow} reads. Bytes, because SQLite's text functions end at a zero. */
export const outlineColumns = `
  id, state, source, session, labels, target, effects, created_at_ms, ended_at_ms, cancel_requested_at_ms, node_id,
  failure, delivery, retried_as, discarded_at_ms, json_array_length(attempts) as attempt_count,
  attempts ->> '$[#-1].nodeName' as node_name, substr(cast(content as blob), 1, ${previewBytes}) as content_start`;

const OutlineRow = z.object({
  id: TaskId,
  state: TaskState,
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
  content_start: z.instanceof(Uint8Array),
});

const utf8 = new TextDecoder();

function toPreview(contentStart: Uint8Array): string {
  const text = utf8.decode(contentStart).slice(0, contentPreviewLength);
  // Not half of a character.
  return /[\ud800-\udbff]$/.test(text) ? text.slice(0, -1) : text;
}

export function fromOutlineRow(outlineRow: unknown): TaskOutline {
  const row = parseRow(OutlineRow, "tasks", outlineRow);
  const { priority, isSynchronous, notBeforeMs, expiresAtMs, retryOf } = row.delivery;
  return {
    id: row.id,
    state: row.state,
    contentPreview: toPreview(row.content_start),
    source: row.source,
    session: row.session,
    labels: row.labels,
    target: row.target,
    effects: row.effects,
    priority,
    isSynchronous,
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
