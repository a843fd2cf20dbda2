import type { CancelTimer, Clock } from "../../platform/clock.ts";
import { afterLoopTurn } from "../../platform/loop-turn.ts";
import type { Database } from "../../platform/sqlite.ts";
import { sqliteFault, toStoreError } from "../../platform/sqlite-errors.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { Durability } from "../store.ts";
import { StoreClosedError } from "../store-closed.ts";

/** Works that may wait for their commit; beyond it, writes are refused with STORE_UNAVAILABLE. */
export const maxQueuedWorks = 50_000;

/** A commit takes at most so many works (about 10 ms); the others follow on the next loop turn. */
export const maxWorksPerCommit = 2_000;

/** After a failed flush: pause before it is tried to put things right, doubled up to the second one after each failure. */
export const healPauseMs = 2_000;
export const maxHealPauseMs = 60_000;

/** A commit that failed counts as trouble for so long when no other follows: who stays away because of it is asked again. */
export const troubleMs = 10_000;

/** One commit, for metrics. */
export interface Commit {
  /** How long it held up the event loop; a full one then waits for the disk besides. */
  readonly durationMs: number;
  readonly works: number;
  /** Whether somebody waits for the disk. */
  readonly full: boolean;
}

/**
 * Gathers writes and commits those of one loop turn together: on two cores that made full commits 70 times as many. A
 * full one is then flushed to the disk in a thread of the platform, together with all that were committed meanwhile.
 *
 * ```
 * write ─▶ queued ──loop turn──▶ begin · work · work · … · commit ─▶ `process` callers have their results
 *                                        │                    └─▶ flush ─▶ `full` callers have theirs
 *                                        │                          ▼ fails: what can be undone is undone,
 *                                        │                            then they are rejected
 *                                        │ a work throws: roll back, run each behind a savepoint,
 *                                        │ so that only that caller is rejected
 *                                        ▼ the disk fails: roll back, every caller is rejected;
 *                                          the next loop turn tries afresh
 * ```
 *
 * After a failed flush nobody knows what is on the disk, so `full` writes are refused, before they do anything, until a
 * flush has succeeded that made sure of everything. While what a caller was told is not there still is, because undoing it
 * failed too, reads are refused. Both are tried again by themselves until they succeed, with growing pauses.
 */
export interface Committer {
  /**
   * Runs the work, statements only, in the next transaction; perhaps twice, when a neighbour throws. Resolves with what
   * it returned once that is committed, in full if asked for. Rejects with the MeshError the work threw, or
   * STORE_UNAVAILABLE; then nothing of it is there, unless its flush failed and it has no `undo`.
   * @param undo statements that take back what `work` did and returned; for `full` ones whose flush failed
   */
  readonly write: <T>(durability: Durability, work: () => T, undo?: (value: T) => void) => Promise<T>;
  /**
   * Runs a query at once. It sees all that was committed, and nothing that is queued or was refused. Rejects with
   * STORE_UNAVAILABLE while something that was refused is still to be taken back.
   */
  readonly read: <T>(query: () => T) => Promise<T>;
  /**
   * Why works are refused: nothing was committed or flushed since that failed. A failed flush heals by itself; of a failed
   * commit it is known only when another is tried, so that it is forgotten after {@link troubleMs}. null: all is well.
   */
  readonly trouble: () => string | null;
  /**
   * Commits what is queued and takes back what is to be; later calls are refused. Call it again when the last flush has
   * ended, which may have failed.
   */
  readonly close: () => void;
}

/** Waits until the disk has all that was committed before. */
export interface Flushing {
  readonly syncNow: () => Promise<void>;
  readonly hasFailed: () => boolean;
}

interface QueuedWork {
  readonly isFull: boolean;
  readonly work: () => unknown;
  readonly undo: ((value: unknown) => void) | null;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** What it returned, once it is committed. */
  value: unknown;
}

/** What became of a work in a transaction that was committed. */
type WorkOutcome = { readonly value: unknown } | { readonly error: unknown };

export interface CommitterOptions {
  /** Its `synchronous` is `normal`. */
  readonly database: Database;
  readonly flushing: Flushing;
  readonly clock: Clock;
  readonly onCommit?: (commit: Commit) => void;
  /** Called with every error that says that the database is damaged. */
  readonly onDamage?: (error: MeshError) => void;
}

export function createCommitter(options: CommitterOptions): Committer {
  const { database, flushing, clock, onCommit, onDamage } = options;
  const begin = database.prepare("begin immediate");
  const commit = database.prepare("commit");
  const rollback = database.prepare("rollback");
  const setSavepoint = database.prepare("savepoint work");
  const undoToSavepoint = database.prepare("rollback to work");
  const dropSavepoint = database.prepare("release work");

  let queue: QueuedWork[] = [];
  /** Of works whose callers were rejected; they come first in the next transaction. */
  let undos: (() => void)[] = [];
  let isCommitScheduled = false;
  let isClosed = false;
  let forgetHealing: CancelTimer | null = null;
  let nextHealPauseMs = healPauseMs;
  let flushFailure: MeshError | null = null;
  let commitFailure: { readonly error: MeshError; readonly untilMs: number } | null = null;

  function toCallerError(error: unknown): MeshError {
    const failure = toStoreError(error);
    if (failure.code === "STORE_CORRUPT") onDamage?.(failure);
    return failure;
  }

  function inTransaction(body: () => readonly WorkOutcome[]): readonly WorkOutcome[] {
    try {
      begin.run();
      for (const undo of undos) undo();
      const outcomes = body();
      commit.run();
      undos = [];
      return outcomes;
    } catch (error) {
      // After some failures SQLite has already rolled back by itself.
      if (database.inTransaction) rollback.run();
      throw error;
    }
  }

  function runBehindSavepoint({ work }: QueuedWork): WorkOutcome {
    setSavepoint.run();
    try {
      const value = work();
      dropSavepoint.run();
      return { value };
    } catch (error) {
      if (!isOneWorksFault(error)) throw error;
      undoToSavepoint.run();
      dropSavepoint.run();
      return { error };
    }
  }

  function commitBatch(batch: readonly QueuedWork[]): readonly WorkOutcome[] {
    try {
      return inTransaction(() => batch.map(({ work }) => ({ value: work() })));
    } catch (error) {
      if (!isOneWorksFault(error)) throw error;
      return inTransaction(() => batch.map(runBehindSavepoint));
    }
  }

  function settle(batch: readonly QueuedWork[]): void {
    const startedAtMs = clock.monotonicMs();
    let outcomes: readonly WorkOutcome[];
    try {
      outcomes = commitBatch(batch);
    } catch (error) {
      const failure = toCallerError(error);
      commitFailure = { error: failure, untilMs: clock.monotonicMs() + troubleMs };
      for (const { reject } of batch) reject(failure);
      return;
    }
    commitFailure = null;
    const works: QueuedWork[] = [];
    for (const [index, outcome] of outcomes.entries()) {
      const queued = batch[index];
      if (queued === undefined) continue;
      if ("error" in outcome) queued.reject(toCallerError(outcome.error));
      else {
        queued.value = outcome.value;
        works.push(queued);
      }
    }
    const waiting = works.filter((work) => work.isFull);
    const durationMs = clock.monotonicMs() - startedAtMs;
    onCommit?.({ durationMs, works: batch.length, full: waiting.length > 0 });
    for (const { isFull, value, resolve } of works) if (!isFull) resolve(value);
    if (waiting.length > 0) void settleInFull(waiting);
  }

  async function settleInFull(works: readonly QueuedWork[]): Promise<void> {
    try {
      await flushing.syncNow();
    } catch (error) {
      for (const { undo, value } of works) if (undo !== null) undos.push(() => undo(value));
      flushFailure = toStoreError(error);
      const failure = takeBack() ? error : notTakenBack(error);
      healLater();
      for (const { reject } of works) reject(failure);
      return;
    }
    for (const { resolve, value } of works) resolve(value);
  }

  /** @returns false when that failed too: it then happens first in the next transaction */
  function takeBack(): boolean {
    if (undos.length === 0) return true;
    try {
      inTransaction(() => []);
      return true;
    } catch (error) {
      toCallerError(error);
      return false;
    }
  }

  function healLater(): void {
    if (isClosed || forgetHealing !== null) return;
    forgetHealing = clock.after(nextHealPauseMs, () => void heal(), { unref: true });
    nextHealPauseMs = Math.min(2 * nextHealPauseMs, maxHealPauseMs);
  }

  /** Takes back what is to be, and brings that to the disk with all else that is in doubt. */
  async function heal(): Promise<void> {
    // Who waits for that flush is told by itself when it fails.
    const isWell = takeBack() && (await flushing.syncNow().then(toTrue, toFalse));
    forgetHealing = null;
    if (isWell) nextHealPauseMs = healPauseMs;
    else healLater();
  }

  function commitNext(): void {
    isCommitScheduled = false;
    const batch = queue;
    if (batch.length === 0) return;
    queue = batch.splice(maxWorksPerCommit);
    if (queue.length > 0) scheduleCommit();
    settle(batch);
  }

  function scheduleCommit(): void {
    if (isCommitScheduled) return;
    isCommitScheduled = true;
    afterLoopTurn(commitNext);
  }

  function enqueue<T>(durability: Durability, work: () => T, undo?: (value: T) => void): Promise<T> {
    if (isClosed) return Promise.reject(new StoreClosedError());
    if (queue.length >= maxQueuedWorks) return Promise.reject(crowdedError());
    return new Promise<T>((resolve, reject) => {
      // The work that makes the value, what undoes it and the promise that takes it are of one T.
      queue.push({
        isFull: durability === "full",
        work,
        undo: (undo as ((value: unknown) => void) | undefined) ?? null,
        resolve: resolve as (value: unknown) => void,
        reject,
        value: undefined,
      });
      scheduleCommit();
    });
  }

  return {
    write: (durability, work, undo) =>
      durability === "full" && flushing.hasFailed() && !isClosed
        ? flushing.syncNow().then(() => enqueue(durability, work, undo))
        : enqueue(durability, work, undo),
    read: async (query) => {
      if (isClosed) throw new StoreClosedError();
      if (undos.length > 0) throw notSettledError();
      try {
        return query();
      } catch (error) {
        throw toCallerError(error);
      }
    },
    trouble: () => {
      if (undos.length > 0) return notSettledError().message;
      if (flushing.hasFailed()) return flushFailure?.message ?? "the disk did not take what was written";
      return commitFailure !== null && clock.monotonicMs() < commitFailure.untilMs
        ? commitFailure.error.message
        : null;
    },
    close: () => {
      isClosed = true;
      forgetHealing?.();
      while (queue.length > 0) commitNext();
      takeBack();
    },
  };
}

const toTrue = () => true;
const toFalse = () => false;

/** Whether only the work that threw is to blame, not the disk or the database. */
function isOneWorksFault(error: unknown): boolean {
  const fault = sqliteFault(error);
  return fault === null || fault === "constraint" || fault === "other";
}

function notSettledError(): MeshError {
  return new MeshError("STORE_UNAVAILABLE", "the disk failed, and what it refused is still to be taken back");
}

function notTakenBack(error: unknown): MeshError {
  const { message } = toStoreError(error);
  return new MeshError("STORE_UNAVAILABLE", `${message}; it may be there all the same`, { cause: error });
}

function crowdedError(): MeshError {
  return new MeshError("STORE_UNAVAILABLE", `${maxQueuedWorks} writes already wait for the disk`, {
    hint: "Send more slowly, or look at the speed of the coordinator's disk.",
  });
}
