import type { Database } from "../../../platform/sqlite.ts";
import type { TaskListing, TaskQuery, TaskStore } from "../../tasks.ts";
import { fromOutlineRow, outlineColumns } from "../task-outline-row.ts";
import {
  prepareScanHorizon,
  type ScanOrder,
  scanOrders,
  type TaskIndex,
  taskIndexes,
} from "./scan-horizon.ts";

type Page = Parameters<TaskStore["list"]>[1];

/** Lists are JSON arrays; what is null is no condition. The source is compared as bytes: SQLite's texts end at a zero. */
const filters = `
  ($subject is null or subject = $subject)
  and ($states is null or state in (select value from json_each($states)))
  and (($nodeIds is null and $target is null)
    or node_id in (select value from json_each($nodeIds))
    or target = $target)
  and ($source is null
    or iif($isPrefix, substr(cast(source as blob), 1, length($source)), cast(source as blob)) = $source)
  and ($session is null or session = $session)
  and ($labels is null or not exists (
    select 1 from json_each($labels) wanted where not exists (
      select 1 from json_each(tasks.labels) label where label.key = wanted.key and label.value = wanted.value)))
  and (($classes is null and $kinds is null)
    or failure ->> '$.class' in (select value from json_each($classes))
    or failure ->> '$.kind' in (select value from json_each($kinds)))
  and ($sinceMs is null or created_at_ms >= $sinceMs)
  and ($untilMs is null or created_at_ms < $untilMs)
  and ($isDeadLetter is null
    or $isDeadLetter = (state = 'failed' and retried_as is null and discarded_at_ms is null))`;

type Bindings = Record<string, string | number | Uint8Array | null>;

function toBindings(query: TaskQuery): Bindings {
  const { labels, source, isDeadLetter } = query;
  return {
    subject: query.subject,
    states: toList(query.states),
    nodeIds: toList(query.nodeIds),
    target: query.target,
    source: source === null ? null : new TextEncoder().encode(source.text),
    isPrefix: source?.isPrefix === true ? 1 : 0,
    session: query.session,
    labels: Object.keys(labels).length === 0 ? null : JSON.stringify(labels),
    classes: toList(query.failureClasses),
    kinds: toList(query.failureKinds),
    sinceMs: query.sinceMs,
    untilMs: query.untilMs,
    isDeadLetter: isDeadLetter === null ? null : Number(isDeadLetter),
  };
}

function toList(values: readonly string[] | null): string | null {
  return values === null ? null : JSON.stringify(values);
}

function chooseIndex({ states, isDeadLetter }: TaskQuery): TaskIndex {
  if (isDeadLetter === true) return "deadLetters";
  const isUnfinished = states?.every((state) => state === "queued" || state === "running") ?? false;
  return isUnfinished ? "unfinished" : "all";
}

export function listTasksSql(index: TaskIndex, order: ScanOrder): string {
  const { from, where } = taskIndexes[index];
  const { behind, upTo, direction } = scanOrders[order];
  return `
    select ${outlineColumns} from ${from}
    where ${where} and id ${behind} $after and id ${upTo} $horizon and ${filters}
    order by id ${direction} limit $limit`;
}

function prepareScan(database: Database, index: TaskIndex, order: ScanOrder) {
  const findHorizon = prepareScanHorizon(database, index, order);
  const select = database.prepare<unknown, [Bindings]>(listTasksSql(index, order));
  const { start, end } = scanOrders[order];

  return (query: TaskQuery, page: Page): TaskListing => {
    const after = page.after ?? start;
    const horizon = findHorizon(after);
    // One more than asked for tells whether another page follows.
    const limit = page.limit + 1;
    const rows = select.all({ ...toBindings(query), after, horizon: horizon ?? end, limit });
    const tasks = rows.slice(0, page.limit).map(fromOutlineRow);
    return { tasks, next: rows.length > page.limit ? (tasks.at(-1)?.id ?? null) : horizon };
  };
}

/** Reads one page, and no more than `maxScannedRows` records for it. */
export function prepareListTasks(database: Database): (query: TaskQuery, page: Page) => TaskListing {
  const prepareBoth = (index: TaskIndex) => ({
    oldest: prepareScan(database, index, "oldest"),
    newest: prepareScan(database, index, "newest"),
  });
  const scans: Readonly<Record<TaskIndex, ReturnType<typeof prepareBoth>>> = {
    all: prepareBoth("all"),
    unfinished: prepareBoth("unfinished"),
    deadLetters: prepareBoth("deadLetters"),
  };
  return (query, page) => scans[chooseIndex(query)][page.order](query, page);
}
