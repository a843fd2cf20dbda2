import type { Database } from "../../../platform/sqlite.ts";
import type { TaskId } from "../../../protocol/ids.ts";
import type { TaskStore } from "../../tasks.ts";
import { prepareScanHorizon, scanOrders } from "./scan-horizon.ts";

type Step = Parameters<TaskStore["deleteFinished"]>[0];
type Deletion = Awaited<ReturnType<TaskStore["deleteFinished"]>>;

/** A task cannot have ended before it was accepted, so behind a horizon that is too young nothing is old enough. */
export function prepareDeleteFinishedTasks(database: Database): (step: Step) => Deletion {
  const findHorizon = prepareScanHorizon(database, "all", "oldest");
  const createdAt = database.prepare<{ created_at_ms: number }, [string]>(
    "select created_at_ms from tasks where id = ?",
  );
  const remove = database.prepare<{ id: TaskId }, [string, string, number, number]>(`
    delete from tasks where id in (
      select id from tasks
      where id > ? and id <= ? and state not in ('queued', 'running') and coalesce(ended_at_ms, created_at_ms) < ?
      order by id limit ?)
    returning id`);

  return ({ endedBeforeMs, after, limit }) => {
    const start = after ?? scanOrders.oldest.start;
    const horizon = findHorizon(start);
    const isFurtherOld = horizon !== null && (createdAt.get(horizon)?.created_at_ms ?? 0) < endedBeforeMs;
    const deleted = remove.all(start, horizon ?? scanOrders.oldest.end, endedBeforeMs, limit);
    if (deleted.length < limit) return { deleted: deleted.length, next: isFurtherOld ? horizon : null };
    const last = deleted.reduce<TaskId | null>((max, { id }) => (max === null || id > max ? id : max), null);
    return { deleted: deleted.length, next: last };
  };
}
