import { mayRunAgain } from "../../domain/tasks/retry-policy.ts";
import type { TaskChange, TaskMessage } from "../../domain/tasks/task.ts";
import type { Deadlines } from "../../platform/deadlines.ts";
import type { Log } from "../../platform/log.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { TaskId } from "../../protocol/ids.ts";
import type { Durability } from "../../store/store.ts";
import { StoreClosedError } from "../../store/store-closed.ts";
import type { TaskFence, TaskStore } from "../../store/tasks.ts";

/** Pause before a change that could not be committed is tried again, doubled up to the second one after each failure. */
export const firstRetryMs = 250;
export const maxRetryMs = 4_000;

/** A change that still waits is told of again after so long. */
export const tellAgainMs = 60_000;

interface TaskStep {
  /** Of the task; how much its record has to survive depends on it. */
  readonly message: TaskMessage;
  readonly fence: TaskFence;
  readonly change: TaskChange;
}

/** Writes the changes of tasks that were accepted: those must not be lost because the disk is full for a while. */
export interface TaskWriter {
  /**
   * Resolves after the commit. While the store cannot commit, tries again until it can; `onDelayed` is called once when
   * the first try failed. The changes of one task are committed in the order of the calls. Rejects when trying again would
   * not help: the store is closed or damaged, or refuses the change. Later changes of that task are refused, too: its record
   * stays where it was, for the next process.
   */
  readonly write: (id: TaskId, step: TaskStep, onDelayed: () => void) => Promise<void>;
  /** Resolves when every change of the task that was asked for so far is committed; rejects when one was given up. */
  readonly settled: (id: TaskId) => Promise<void>;
  /** Nothing is on its way to the store. */
  readonly isIdle: () => boolean;
}

export function createTaskWriter(
  store: Pick<TaskStore, "change">,
  deadlines: Deadlines,
  log: Log,
): TaskWriter {
  /** The newest write of each task that has one on its way: the next has to come after it. */
  const newest = new Map<TaskId, Promise<void>>();
  /** Why, of tasks that had a change which was given up. */
  const givenUp = new Map<TaskId, unknown>();

  async function commit(id: TaskId, step: TaskStep, onDelayed: () => void): Promise<void> {
    if (givenUp.has(id)) throw givenUp.get(id);
    const durability = durabilityOf(step);
    let pauseMs = firstRetryMs;
    let untoldMs = tellAgainMs;
    for (let tries = 1; ; tries += 1) {
      try {
        const isHeld = await store.change(id, step.fence, step.change, durability);
        // A full commit whose flush failed is there already.
        const isAnother = !isHeld && (tries === 1 || durability === "process");
        if (isAnother) log.error("a change of a task was not stored: its record had moved on", { task: id });
        return;
      } catch (error) {
        if (tries === 1) onDelayed();
        if (!isPassing(error)) {
          log.error("a change of a task could not be stored and is given up", { task: id, error });
          givenUp.set(id, error);
          throw error;
        }
        if (untoldMs >= tellAgainMs) {
          log.error("a change of a task could not be stored; trying again", { task: id, tries, error });
          untoldMs = 0;
        }
        await new Promise<void>((resolve) => deadlines.in(pauseMs, resolve));
        untoldMs += pauseMs;
        pauseMs = Math.min(2 * pauseMs, maxRetryMs);
      }
    }
  }

  async function settled(id: TaskId): Promise<void> {
    await newest.get(id);
    if (givenUp.has(id)) throw givenUp.get(id);
  }

  return {
    write: async (id, step, onDelayed) => {
      const go = () => commit(id, step, onDelayed);
      const written = newest.get(id)?.then(go, go) ?? go();
      newest.set(id, written);
      try {
        await written;
      } finally {
        if (newest.get(id) === written) newest.delete(id);
      }
    },
    settled,
    isIdle: () => newest.size === 0,
  };
}

/** Whether the same may succeed later. */
function isPassing(error: unknown): boolean {
  return (
    error instanceof MeshError && error.code === "STORE_UNAVAILABLE" && !(error instanceof StoreClosedError)
  );
}

/**
 * Who cancels is answered after the commit: a task that was told to be cancelled must not run after a power cut. Nor may an
 * offer be forgotten of a task that goes on after a restart and must not run twice: it would be made again elsewhere.
 */
function durabilityOf({ message, change }: TaskStep): Durability {
  if (change.state === "cancelled") return "full";
  const isOffer = change.attempts?.some((attempt) => attempt.state === "offered") === true;
  return isOffer && outlivesClient(message) && !mayRunAgain(message) ? "full" : "process";
}

/** Whether it goes on after a restart: a synchronous message without a key is cancelled then, its client is gone. */
export function outlivesClient({
  isSynchronous,
  idempotencyKey,
}: Pick<TaskMessage, "isSynchronous" | "idempotencyKey">): boolean {
  return !isSynchronous || idempotencyKey !== null;
}
