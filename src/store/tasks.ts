import type { Attempt, Task, TaskChange } from "../domain/tasks/task.ts";
import type { Failure, FailureClass, RuntimeErrorKind } from "../protocol/failure.ts";
import type { AttemptNumber, NodeId, TaskId } from "../protocol/ids.ts";
import type { Effects } from "../protocol/message.ts";
import type { Labels } from "../protocol/rule.ts";
import type { TaskState } from "../protocol/task.ts";
import type { Durability } from "./store.ts";

/**
 * A transition happens only when the task is still where the caller believes it to be: not terminal, and its newest
 * attempt is `attempt` (0: none yet).
 */
export interface TaskFence {
  readonly attempt: AttemptNumber | 0;
}

/** Which tasks a list shows; what is null does not matter, everything else has to hold. */
export interface TaskQuery {
  /** Only tasks that this token submitted. */
  readonly subject: string | null;
  readonly states: readonly TaskState[] | null;
  /**
   * Node of the current or last attempt is one of these, or, when there is a `target`, the sender named that, letter by
   * letter.
   */
  readonly nodeIds: readonly NodeId[] | null;
  readonly target: string | null;
  /** `isPrefix`: the source begins with `text`. */
  readonly source: { readonly text: string; readonly isPrefix: boolean } | null;
  readonly session: string | null;
  /** All of them, with these values; empty: any. */
  readonly labels: Labels;
  /** The failure is of one of these classes, or of one of these kinds. */
  readonly failureClasses: readonly FailureClass[] | null;
  readonly failureKinds: readonly RuntimeErrorKind[] | null;
  /** Epoch: accepted at or after. */
  readonly sinceMs: number | null;
  /** Epoch: accepted before. */
  readonly untilMs: number | null;
  /** true: failed, and neither run again nor discarded. false: all others. */
  readonly isDeadLetter: boolean | null;
}

/** The small part of a task, as lists need it. */
export interface TaskOutline {
  readonly id: TaskId;
  readonly state: TaskState;
  /** The beginning of the content, at most `contentPreviewLength` characters. */
  readonly contentPreview: string;
  readonly subject: string;
  readonly source: string;
  readonly session: string | null;
  readonly labels: Labels;
  readonly target: string | null;
  readonly effects: Effects;
  readonly priority: number;
  readonly isSynchronous: boolean;
  readonly isUntrusted: boolean;
  readonly createdAtMs: number;
  readonly notBeforeMs: number | null;
  readonly expiresAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly cancelRequestedAtMs: number | null;
  readonly nodeId: NodeId | null;
  readonly nodeName: string | null;
  readonly attemptCount: number;
  readonly failure: Failure | null;
  readonly retryOf: TaskId | null;
  readonly retriedAs: TaskId | null;
  readonly discardedAtMs: number | null;
}

export interface TaskListing {
  readonly tasks: readonly TaskOutline[];
  /**
   * Where the next page begins; null: there is none. A page may be short, even empty, although more follow: one call
   * looks at no more than `maxScannedRows` records.
   */
  readonly next: TaskId | null;
}

/**
 * Records that one call to `list` or `deleteFinished` looks at, at most. Measured with 20,000 records of 3 KB on two cores:
 * it holds up the event loop for 3 ms, for 10 when it compares five labels of each, and each 100 tasks that it returns
 * for 3 more.
 */
export const maxScannedRows = 2_000;

export interface TaskStore {
  /**
   * Records an accepted message, with its first attempt when there is one.
   * @returns the task that already has this subject's idempotency key, unchanged, or null when the new one was stored
   */
  readonly accept: (task: Task, durability: Durability) => Promise<Task | null>;

  /**
   * Records an accepted task that runs the ended task `message.retryOf` again, and marks that one `retriedAs`, in full.
   * Rejects with IDEMPOTENCY_CONFLICT when another task has its key.
   * @returns null when it was stored; else why not, and then nothing changed
   */
  readonly acceptRetry: (task: Task) => Promise<"not_found" | "not_ended" | "already_retried" | null>;

  /** @returns false when the fence did not hold; then nothing changed */
  readonly change: (
    id: TaskId,
    fence: TaskFence,
    change: TaskChange,
    durability: Durability,
  ) => Promise<boolean>;

  /** Adds a report that came too late to an attempt's history; never changes the task's state. */
  readonly recordLate: (id: TaskId, attempt: Attempt) => Promise<void>;

  /**
   * Takes a failed task off the dead letters; without effect on one that is off them already.
   * @returns false when there is no such task or it has not failed
   */
  readonly discard: (id: TaskId, nowMs: number) => Promise<boolean>;

  readonly get: (id: TaskId) => Promise<Task | null>;
  readonly findByKey: (subject: string, idempotencyKey: string) => Promise<Task | null>;

  /**
   * One page of tasks, in the order of their ids, which is that of their acceptance.
   * @param after continues behind this id; null: from the beginning
   */
  readonly list: (
    query: TaskQuery,
    page: { readonly after: TaskId | null; readonly limit: number; readonly order: "newest" | "oldest" },
  ) => Promise<TaskListing>;

  /** All tasks that are not terminal, oldest first, for recovery at start. */
  readonly listUnfinished: () => Promise<readonly Task[]>;

  /** How many tasks there are; takes a while with many. */
  readonly count: () => Promise<number>;

  /**
   * One small step of deleting ended tasks, oldest first: looks at the next records behind `after` and deletes at most
   * `limit` of those that ended before `endedBeforeMs`, fewer when they are large. Ids that retries refer to stay as they
   * are.
   * @returns `next`: where the following step begins; null: nothing further is old enough
   */
  readonly deleteFinished: (step: {
    readonly endedBeforeMs: number;
    readonly after: TaskId | null;
    readonly limit: number;
  }) => Promise<{ readonly deleted: number; readonly next: TaskId | null }>;
}
