import type { TaskId } from "../protocol/ids.ts";
import type { TaskState } from "../protocol/task.ts";
import type { Execution } from "./executions.ts";
import { type Failover, findFailovers, type Kill, type Span } from "./failover.ts";
import type { PlannedTask } from "./load-plan.ts";
import { type FindingName, type Findings, type LabReport, maxNamedTasks } from "./report.ts";
import { isEnded, type TaskEntry } from "./task-book.ts";

/** A line of the coordinator's own list at the end of a run. */
export interface ListedTask {
  readonly id: TaskId;
  readonly state: TaskState;
  readonly failure: string | null;
  readonly attempts: number;
}

/** One task with all that is known of it from every side. */
export interface LedgerLine {
  readonly planned: PlannedTask;
  readonly entry: TaskEntry;
  /** What the coordinator lists with this task's content; more than one is a fault. */
  readonly listed: readonly ListedTask[];
  readonly executions: readonly Execution[];
}

export interface LedgerInput {
  readonly lines: Iterable<LedgerLine>;
  readonly kills: readonly Kill[];
  /** When the coordinator was dead, stopped or without a disk. */
  readonly disturbances: readonly Span[];
}

/** The part of the report that is counted from tasks. */
export interface Ledger {
  readonly tasks: Omit<LabReport["tasks"], "planned">;
  readonly findings: Findings;
  readonly executions: LabReport["executions"];
  readonly failovers: readonly TaskFailover[];
}

export interface TaskFailover extends Failover {
  readonly index: number;
  readonly taskId: TaskId | null;
}

type Counts = { -readonly [Name in keyof Ledger["tasks"]]: Ledger["tasks"][Name] };

interface Draft {
  readonly tasks: Counts;
  readonly findings: Record<FindingName, { count: number; tasks: Findings[FindingName]["tasks"] }>;
  readonly executions: { total: number; refused: number; repeated_safe: number };
  readonly failovers: TaskFailover[];
}

/** Counts what became of every task, and finds what must not be. */
export function keepLedger(input: LedgerInput): Ledger {
  const draft = emptyDraft();
  for (const line of input.lines) {
    const recorded = countTask(draft, line);
    countExecutions(draft, line);
    if (recorded !== null) compare(draft, line, recorded);
    if (line.planned.effects === "safe" && line.entry.record !== null) {
      const found = findFailovers(line.entry.record.attempts, input.kills, input.disturbances);
      const task = { index: line.planned.index, taskId: line.entry.id ?? line.listed[0]?.id ?? null };
      draft.failovers.push(...found.map((failover) => ({ ...failover, ...task })));
    }
  }
  return draft;
}

/** The line of the list that is this task; null: there is none. */
function countTask(draft: Draft, line: LedgerLine): ListedTask | null {
  const { entry, listed } = line;
  const { tasks } = draft;
  tasks.submitted += 1;
  tasks.repeats += Math.max(0, entry.sent - 1);
  const ids = new Set([
    ...(entry.id === null ? [] : [entry.id]),
    ...entry.otherIds,
    ...listed.map(({ id }) => id),
  ]);
  if (ids.size > 1) report(draft, "accepted_twice", line, [...ids].join(", "));
  const recorded = (entry.id === null ? listed[0] : listed.find(({ id }) => id === entry.id)) ?? null;
  if (entry.id === null && recorded === null) {
    const code = entry.refused ?? (entry.told?.kind === "error" ? entry.told.code : null);
    if (code === null) tasks.unclear += 1;
    else tasks.refused[code] = (tasks.refused[code] ?? 0) + 1;
    return null;
  }
  tasks.accepted += 1;
  if (recorded === null) {
    report(draft, "unaccounted", line, "accepted, and not on record");
    return null;
  }
  if (!isEnded(recorded.state)) {
    report(draft, "unaccounted", line, `still ${recorded.state}`);
    return recorded;
  }
  countEnd(tasks, recorded);
  return recorded;
}

function countEnd(tasks: Counts, recorded: ListedTask): void {
  if (recorded.attempts > 1) tasks.attempts_more_than_one += 1;
  if (recorded.state === "succeeded") tasks.succeeded += 1;
  else if (recorded.state === "cancelled") tasks.cancelled += 1;
  else if (recorded.state === "expired") tasks.expired += 1;
  else {
    const failure = recorded.failure ?? "none";
    tasks.failed += 1;
    tasks.failed_by_class[failure] = (tasks.failed_by_class[failure] ?? 0) + 1;
    if (failure === "outcome_unknown") tasks.outcome_unknown += 1;
  }
}

function countExecutions(draft: Draft, line: LedgerLine): void {
  const { executions } = draft;
  executions.total += line.executions.length;
  const real = line.executions.filter(({ end }) => end !== "refused");
  executions.refused += line.executions.length - real.length;
  if (real.length < 2) return;
  if (line.planned.effects === "safe") executions.repeated_safe += 1;
  else {
    const runs = real.map(({ attemptKey, node, end }) => `${attemptKey.split(".")[1]} on ${node} ${end}`);
    report(draft, "forbidden_duplicates", line, `attempts ${runs.join("; ")}`);
  }
}

/** What the sender was told and what was seen before, against the record. */
function compare(draft: Draft, line: LedgerLine, recorded: ListedTask): void {
  const { told, record } = line.entry;
  if (record?.isRight === false || (told?.kind === "answer" && !told.isRight)) {
    report(draft, "wrong_answers", line, "not the answer to its content");
  }
  if (record !== null && record.state === "succeeded" && record.isRight === null) {
    report(draft, "wrong_answers", line, "succeeded without an answer");
  }
  if (told !== null && (told.kind === "answer") !== (recorded.state === "succeeded")) {
    const said = told.kind === "answer" ? "an answer" : told.code;
    report(
      draft,
      "told_otherwise",
      line,
      `told ${said}, on record ${recorded.state} ${recorded.failure ?? ""}`,
    );
  }
  if (record !== null && (record.state !== recorded.state || record.failure !== recorded.failure)) {
    const ends = `${record.state} ${record.failure ?? ""} → ${recorded.state} ${recorded.failure ?? ""}`;
    report(draft, "moved_after_end", line, ends);
  }
  if (recorded.state === "succeeded" && !line.executions.some(({ end }) => end === "answered")) {
    report(draft, "never_executed", line, `${line.executions.length} executions, none answered`);
  }
}

function report(draft: Draft, name: FindingName, line: LedgerLine, detail: string): void {
  const finding = draft.findings[name];
  finding.count += 1;
  if (finding.tasks.length >= maxNamedTasks) return;
  const id = line.entry.id ?? line.listed[0]?.id ?? null;
  finding.tasks.push({ index: line.planned.index, task_id: id, detail: detail.trim() });
}

function emptyDraft(): Draft {
  const finding = () => ({ count: 0, tasks: [] });
  return {
    tasks: {
      submitted: 0,
      accepted: 0,
      refused: {},
      unclear: 0,
      repeats: 0,
      succeeded: 0,
      failed: 0,
      failed_by_class: {},
      outcome_unknown: 0,
      cancelled: 0,
      expired: 0,
      attempts_more_than_one: 0,
    },
    findings: {
      unaccounted: finding(),
      wrong_answers: finding(),
      forbidden_duplicates: finding(),
      told_otherwise: finding(),
      accepted_twice: finding(),
      never_executed: finding(),
      moved_after_end: finding(),
    },
    executions: { total: 0, refused: 0, repeated_safe: 0 },
    failovers: [],
  };
}

/** Nothing was found that must not be, and every task's fate is known. */
export function isClean(ledger: Pick<Ledger, "findings" | "tasks">): boolean {
  return ledger.tasks.unclear === 0 && Object.values(ledger.findings).every(({ count }) => count === 0);
}
