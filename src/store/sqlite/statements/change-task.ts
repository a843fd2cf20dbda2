import type { TaskChange } from "../../../domain/tasks/task.ts";
import type { Database } from "../../../platform/sqlite.ts";
import type { TaskId } from "../../../protocol/ids.ts";
import type { TaskFence } from "../../tasks.ts";
import { toBooleanColumn, toJsonColumn } from "../row.ts";

/**
 * One statement for every transition: nothing ever changes back to null, so null means that a column stays. Its fence
 * is part of it. @returns a function that returns false when the fence did not hold
 */
export function prepareChangeTask(
  database: Database,
): (id: TaskId, fence: TaskFence, change: TaskChange) => boolean {
  const update = database.prepare(`
    update tasks set
      state = coalesce(?, state),
      attempt = max(attempt, ?),
      is_cancel_requested = coalesce(?, is_cancel_requested),
      ended_at_ms = coalesce(?, ended_at_ms),
      node_id = coalesce(?, node_id),
      failure = coalesce(?, failure),
      decision = coalesce(?, decision),
      response = coalesce(?, response)
    where id = ? and attempt = ? and state in ('queued', 'running')`);
  return (id, fence, change) => {
    const { changes } = update.run(
      change.state ?? null,
      newestAttempt(change),
      change.isCancelRequested === undefined ? null : toBooleanColumn(change.isCancelRequested),
      change.endedAtMs ?? null,
      change.nodeId ?? null,
      toJsonColumn(change.failure ?? null),
      toJsonColumn(change.decision ?? null),
      change.response ?? null,
      id,
      fence.attempt,
    );
    return changes > 0;
  };
}

function newestAttempt({ attempts }: TaskChange): number {
  let newest = 0;
  for (const { number } of attempts ?? []) newest = Math.max(newest, number);
  return newest;
}
