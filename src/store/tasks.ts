import type { Attempt, Task, TaskChange } from "../domain/tasks/task.ts";
import type { AttemptNumber, TaskId } from "../protocol/ids.ts";
import type { Durability } from "./store.ts";

/**
 * A transition happens only when the task is still where the caller believes it to be: not terminal, and its newest
 * attempt is `attempt` (0: none yet).
 */
export interface TaskFence {
  readonly attempt: AttemptNumber | 0;
}

export interface TaskStore {
  /**
   * Records an accepted message, with its first attempt when there is one.
   * @returns the task that already has this subject's idempotency key, unchanged, or null when the new one was stored
   */
  readonly accept: (task: Task, durability: Durability) => Promise<Task | null>;

  /** @returns false when the fence did not hold; then nothing changed */
  readonly change: (
    id: TaskId,
    fence: TaskFence,
    change: TaskChange,
    durability: Durability,
  ) => Promise<boolean>;

  /** Adds a report that came too late to an attempt's history; never changes the task's state. */
  readonly recordLate: (id: TaskId, attempt: Attempt) => Promise<void>;

  readonly get: (id: TaskId) => Promise<Task | null>;
  readonly findByKey: (subject: string, idempotencyKey: string) => Promise<Task | null>;

  /** All tasks that are not terminal, oldest first, for recovery at start. */
  readonly listUnfinished: () => Promise<readonly Task[]>;
}
