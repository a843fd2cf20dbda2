import type { Database } from "../../../platform/sqlite.ts";
import type { TaskId } from "../../../protocol/ids.ts";
import { maxScannedRows } from "../../tasks.ts";

/** The indexes, each in order of id, by which tasks can be scanned. */
export const taskIndexes = {
  all: { from: "tasks", where: "true" },
  unfinished: { from: "tasks indexed by tasks_unfinished", where: "state in ('queued', 'running')" },
  deadLetters: {
    from: "tasks indexed by tasks_dead_letters",
    where: "state = 'failed' and retried_as is null and discarded_at_ms is null",
  },
} as const;
export type TaskIndex = keyof typeof taskIndexes;

/** `start` and `end` are beyond all ids, so that a range always has two ends and is read by index. */
export const scanOrders = {
  oldest: { behind: ">", upTo: "<=", direction: "asc", start: "", end: "\u{10ffff}" },
  newest: { behind: "<", upTo: ">=", direction: "desc", start: "\u{10ffff}", end: "" },
} as const;
export type ScanOrder = keyof typeof scanOrders;

/**
 * How far a scan may look: the id of the last of the next `maxScannedRows` records. It reads the index only.
 * @returns a function that returns null when there are fewer records behind `start`
 */
export function prepareScanHorizon(
  database: Database,
  index: TaskIndex,
  order: ScanOrder,
): (start: string) => TaskId | null {
  const { from, where } = taskIndexes[index];
  const { behind, direction } = scanOrders[order];
  const select = database.prepare<{ id: TaskId }, [string]>(`
    select id from ${from} where ${where} and id ${behind} ?
    order by id ${direction} limit 1 offset ${maxScannedRows - 1}`);
  return (start) => select.get(start)?.id ?? null;
}
