import type { Database } from "../../../platform/sqlite.ts";
import type { TaskId } from "../../../protocol/ids.ts";

/** Records that one step counts: about 2 ms. */
const stepRows = 50_000;

/** Counts in steps, because a million records would hold up the event loop. */
export function prepareCountTasks(
  database: Database,
): (after: TaskId | null) => { readonly count: number; readonly next: TaskId | null } {
  const count = database.prepare<{ count: number; last: TaskId | null }, [string]>(`
    select count(*) as count, max(id) as last from (select id from tasks where id > ? order by id limit ${stepRows})`);
  return (after) => {
    const step = count.get(after ?? "");
    return { count: step?.count ?? 0, next: step?.count === stepRows ? step.last : null };
  };
}
