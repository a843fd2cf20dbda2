import type { Database } from "../../../platform/sqlite.ts";
import type { TaskId } from "../../../protocol/ids.ts";

/** @returns a function that takes a failed task off the dead letters; it returns false when no such task failed */
export function prepareDiscardTask(database: Database): (id: TaskId, nowMs: number) => boolean {
  const update = database.prepare(`
    update tasks set discarded_at_ms = iif(retried_as is null, coalesce(discarded_at_ms, ?), discarded_at_ms)
    where id = ? and state = 'failed'`);
  return (id, nowMs) => update.run(nowMs, id).changes > 0;
}
