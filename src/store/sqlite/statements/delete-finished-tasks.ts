import type { Clock } from "../../../platform/clock.ts";
import type { Database } from "../../../platform/sqlite.ts";
import type { TaskId } from "../../../protocol/ids.ts";
import type { TaskStore } from "../../tasks.ts";
import { prepareScanHorizon, scanOrders } from "./scan-horizon.ts";

type Step = Parameters<TaskStore["deleteFinished"]>[0];
type Deletion = Awaited<ReturnType<TaskStore["deleteFinished"]>>;

/**
 * A step ends after so much time, however few tasks it has deleted: one of 5 MiB takes as long as a thousand small ones.
 * The commit then writes what was freed.
 */
export const maxDeleteMs = 5;

/** A task cannot have ended before it was accepted, so behind a horizon that is too young nothing is old enough. */
export function prepareDeleteFinishedTasks(database: Database, clock: Clock): (step: Step) => Deletion {
  const findHorizon = prepareScanHorizon(database, "all", "oldest");
  const createdAt = database.prepare<{ created_at_ms: number }, [string]>(
    "select created_at_ms from tasks where id = ?",
  );
  const find = database.prepare<{ id: TaskId }, [string, string, number, number]>(`
    select id from tasks
    where id > ? and id <= ? and state not in ('queued', 'running') and coalesce(ended_at_ms, created_at_ms) < ?
    order by id limit ?`);
  const remove = database.prepare("delete from tasks where id = ?");

  return ({ endedBeforeMs, after, limit }) => {
    const endsAtMs = clock.monotonicMs() + maxDeleteMs;
    const start = after ?? scanOrders.oldest.start;
    const horizon = findHorizon(start);
    const isFurtherOld = horizon !== null && (createdAt.get(horizon)?.created_at_ms ?? 0) < endedBeforeMs;
    const found = find.all(start, horizon ?? scanOrders.oldest.end, endedBeforeMs, limit);
    let deleted = 0;
    for (const { id } of found) {
      remove.run(id);
      deleted += 1;
      if (deleted < found.length && clock.monotonicMs() >= endsAtMs) return { deleted, next: id };
    }
    if (deleted < limit) return { deleted, next: isFurtherOld ? horizon : null };
    return { deleted, next: found.at(-1)?.id ?? null };
  };
}
