import type { Attempt } from "../../../domain/tasks/task.ts";
import type { Database } from "../../../platform/sqlite.ts";
import type { TaskId } from "../../../protocol/ids.ts";
import { toBooleanColumn, toJsonColumn } from "../row.ts";

/** @returns a function that inserts the attempt or replaces it by number */
export function preparePutAttempt(database: Database): (id: TaskId, attempt: Attempt) => void {
  const upsert = database.prepare(`
    insert into attempts (
      task_id, number, node_id, node_name, state, offered_at_ms, started_at_ms, ended_at_ms, failure, is_late_result
    ) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    on conflict (task_id, number) do update set
      node_id = excluded.node_id,
      node_name = excluded.node_name,
      state = excluded.state,
      offered_at_ms = excluded.offered_at_ms,
      started_at_ms = excluded.started_at_ms,
      ended_at_ms = excluded.ended_at_ms,
      failure = excluded.failure,
      is_late_result = excluded.is_late_result`);
  return (id, attempt) => {
    upsert.run(
      id,
      attempt.number,
      attempt.nodeId,
      attempt.nodeName,
      attempt.state,
      attempt.offeredAtMs,
      attempt.startedAtMs,
      attempt.endedAtMs,
      toJsonColumn(attempt.failure),
      toBooleanColumn(attempt.isLateResult),
    );
  };
}
