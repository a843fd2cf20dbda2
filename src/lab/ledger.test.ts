import { describe, expect, test } from "bun:test";
import type { TaskId } from "../protocol/ids.ts";
import type { Execution } from "./executions.ts";
import { isClean, keepLedger, type LedgerLine, type ListedTask } from "./ledger.ts";
import { planTask } from "./load-plan.ts";
import { type FindingName, maxNamedTasks } from "./report.ts";
import type { AttemptRecord, TaskEntry, TaskRecord } from "./task-book.ts";

const idOf = (index: number) => `task_${String(index).padStart(32, "0")}` as TaskId;
const run = (attempt: number, end: Execution["end"] = "answered"): Execution => ({
  node: "lab-01",
  attemptKey: `task_0.${attempt}`,
  atMs: 1000,
  end,
});
const attempt = (change: Partial<AttemptRecord> = {}): AttemptRecord => ({
  node: "lab-01",
  state: "finished",
  offeredAtMs: 1000,
  endedAtMs: 1100,
  failure: null,
  ...change,
});
const succeeded: TaskRecord = { state: "succeeded", failure: null, isRight: true, attempts: [attempt()] };
const listedAs = (index: number, change: Partial<ListedTask> = {}): ListedTask => ({
  id: idOf(index),
  state: "succeeded",
  failure: null,
  attempts: 1,
  ...change,
});

/** A task with nothing wrong. */
function line(
  index: number,
  effects: "safe" | "unsafe" = "unsafe",
  change: Partial<Omit<LedgerLine, "entry">> & { readonly entry?: Partial<TaskEntry> } = {},
): LedgerLine {
  const entry: TaskEntry = {
    ...{ id: idOf(index), otherIds: [], told: null, refused: null, record: succeeded, sent: 1 },
    ...change.entry,
  };
  return {
    planned: { ...planTask({ seed: 7, safeShare: 0.5 }, index), effects },
    listed: change.listed ?? [listedAs(index)],
    executions: change.executions ?? [run(1)],
    entry,
  };
}

const ledgerOf = (lines: readonly LedgerLine[]) => keepLedger({ lines, kills: [], disturbances: [] });

/** The findings that are not nothing, with the numbers of their tasks. */
function found(lines: readonly LedgerLine[]): Partial<Record<FindingName, readonly number[]>> {
  const { findings } = ledgerOf(lines);
  return Object.fromEntries(
    Object.entries(findings)
      .filter(([, { count }]) => count > 0)
      .map(([name, { tasks }]) => [name, tasks.map(({ index }) => index)]),
  );
}

describe("the ledger", () => {
  test("finds nothing where nothing is wrong", () => {
    const ledger = ledgerOf([line(0), line(1, "safe", { executions: [run(1, "aborted"), run(2)] })]);
    expect(isClean(ledger)).toBe(true);
    expect(ledger.tasks).toMatchObject({ submitted: 2, accepted: 2, succeeded: 2 });
    expect(ledger.executions).toEqual({ total: 3, refused: 0, repeated_safe: 1 });
  });

  test("finds an accepted task that is not on record", () => {
    expect(found([line(0), line(1, "safe", { listed: [] })])).toEqual({ unaccounted: [1] });
  });

  test.each(["queued", "running"] as const)("finds an accepted task that is still %s", (state) => {
    const open = line(3, "safe", { listed: [listedAs(3, { state })], entry: { record: null } });
    expect(found([open])).toEqual({ unaccounted: [3] });
  });

  test("finds a lost task of which only the list knows that it was accepted", () => {
    const open = line(3, "safe", {
      listed: [listedAs(3, { state: "queued" })],
      entry: { id: null, record: null },
    });
    expect(found([open])).toEqual({ unaccounted: [3] });
  });

  test("finds an unsafe task that a runtime ran twice, whatever became of it", () => {
    const failed = { state: "failed", failure: "outcome_unknown" } as const;
    const twice = line(5, "unsafe", {
      executions: [run(1, "aborted"), run(2, "failed")],
      listed: [listedAs(5, { ...failed, attempts: 2 })],
      entry: { record: { ...succeeded, ...failed, isRight: null } },
    });
    expect(found([twice])).toEqual({ forbidden_duplicates: [5] });
    expect(found([line(6, "unsafe", { executions: [run(1), run(1)] })])).toEqual({
      forbidden_duplicates: [6],
    });
  });

  test("does not count what the runtime refused as a run", () => {
    const refused = line(5, "unsafe", { executions: [run(1, "refused"), run(2)] });
    expect(found([refused])).toEqual({});
    expect(ledgerOf([refused]).executions).toMatchObject({ total: 2, refused: 1 });
  });

  test("finds wrong answers, on record and as they were told", () => {
    const wrong = { ...succeeded, isRight: false };
    expect(found([line(1, "safe", { entry: { record: wrong } })])).toEqual({ wrong_answers: [1] });
    const told = line(2, "safe", { entry: { told: { kind: "answer", isRight: false } } });
    expect(found([told])).toEqual({ wrong_answers: [2] });
    const silent = line(3, "safe", { entry: { record: { ...succeeded, isRight: null } } });
    expect(found([silent])).toEqual({ wrong_answers: [3] });
  });

  test("finds a sender who was told another end than the one on record", () => {
    const error = line(1, "safe", { entry: { told: { kind: "error", code: "OUTCOME_UNKNOWN" } } });
    expect(found([error])).toEqual({ told_otherwise: [1] });
    const failed = { state: "failed", failure: "timeout" } as const;
    const answer = line(2, "safe", {
      listed: [listedAs(2, failed)],
      entry: {
        told: { kind: "answer", isRight: true },
        record: { ...succeeded, ...failed, isRight: null },
      },
    });
    expect(found([answer])).toEqual({ told_otherwise: [2] });
  });

  test("finds one key that made two tasks", () => {
    expect(found([line(1, "safe", { entry: { otherIds: [idOf(9)] } })])).toEqual({ accepted_twice: [1] });
    expect(found([line(2, "safe", { listed: [listedAs(2), listedAs(8)] })])).toEqual({ accepted_twice: [2] });
  });

  test("finds a success that no runtime ever had a part in", () => {
    expect(found([line(1, "safe", { executions: [] })])).toEqual({ never_executed: [1] });
    expect(found([line(1, "safe", { executions: [run(1, "failed")] })])).toEqual({ never_executed: [1] });
  });

  test("finds an end that changed afterwards", () => {
    const failed = { state: "failed", failure: "timeout" } as const;
    const moved = line(1, "safe", { entry: { record: { ...succeeded, ...failed, isRight: null } } });
    expect(found([moved])).toEqual({ moved_after_end: [1] });
  });

  test("tells refused tasks from those whose fate nobody knows", () => {
    const none = { listed: [], executions: [] } as const;
    const entry = { id: null, record: null } as const;
    const ledger = ledgerOf([
      line(1, "safe", { ...none, entry: { ...entry, refused: "NODE_NOT_FOUND" } }),
      line(2, "safe", { ...none, entry: { ...entry, told: { kind: "error", code: "NO_NODE_FITS" } } }),
      line(3, "safe", { ...none, entry }),
    ]);
    expect(ledger.tasks).toMatchObject({
      accepted: 0,
      unclear: 1,
      refused: { NODE_NOT_FOUND: 1, NO_NODE_FITS: 1 },
    });
    expect(isClean(ledger)).toBe(false);
  });

  test("counts failures by class, and names a limited number of tasks", () => {
    const failed = { state: "failed", failure: "runtime_error/quota" } as const;
    const lines = Array.from({ length: 50 }, (_, index) =>
      line(index, "safe", {
        listed: [listedAs(index, failed)],
        executions: [],
        entry: { record: { ...succeeded, state: "cancelled", isRight: null } },
      }),
    );
    const ledger = ledgerOf(lines);
    expect(ledger.tasks).toMatchObject({ failed: 50, failed_by_class: { "runtime_error/quota": 50 } });
    expect(ledger.findings.moved_after_end.count).toBe(50);
    expect(ledger.findings.moved_after_end.tasks).toHaveLength(maxNamedTasks);
  });
});
