import type { Task } from "../../../domain/tasks/task.ts";
import type { Database } from "../../../platform/sqlite.ts";
import { toDecisionColumn } from "../decision-column.ts";
import { toDeliveryColumn } from "../delivery-column.ts";
import { toPreviewColumn } from "../preview-column.ts";
import { toBooleanColumn, toJsonColumn } from "../row.ts";

/** @returns a function that inserts the task; it returns false when its key is taken */
export function prepareAcceptTask(database: Database): (task: Task) => boolean {
  const insert = database.prepare(`
    insert into tasks (
      id, state, attempt, cancel_requested_at_ms, ended_at_ms, node_id,
      subject, source, session, target, effects, infer, timeout_ms, created_at_ms,
      idempotency_key, body_hash, requires, labels, failure, attempts, decision, content, response,
      delivery, content_preview
    ) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    on conflict (subject, idempotency_key) where idempotency_key is not null do nothing`);
  return (task) => {
    const { message } = task;
    const { changes } = insert.run(
      message.id,
      task.state,
      task.attempts.at(-1)?.number ?? 0,
      task.cancelRequestedAtMs,
      task.endedAtMs,
      task.nodeId,
      message.subject,
      message.source,
      message.session,
      message.target,
      message.effects,
      toBooleanColumn(message.infer),
      message.timeoutMs,
      message.createdAtMs,
      message.idempotencyKey,
      message.bodyHash,
      JSON.stringify(message.requires),
      JSON.stringify(message.labels),
      toJsonColumn(task.failure),
      JSON.stringify(task.attempts),
      toDecisionColumn(task.decision),
      message.content,
      task.response,
      toDeliveryColumn(message),
      toPreviewColumn(message.content),
    );
    return changes > 0;
  };
}
