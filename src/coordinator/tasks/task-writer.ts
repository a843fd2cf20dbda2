import type { TaskChange } from "../../domain/tasks/task.ts";
import type { Deadlines } from "../../platform/deadlines.ts";
import type { Log } from "../../platform/log.ts";
import type { TaskId } from "../../protocol/ids.ts";
import type { Durability } from "../../store/store.ts";
import type { TaskFence, TaskStore } from "../../store/tasks.ts";

/** Pause before a change that could not be committed is tried again. */
const retryMs = 250;

interface TaskStep {
  readonly fence: TaskFence;
  readonly change: TaskChange;
}

/** Writes the changes of tasks that were accepted: those must not be lost because the disk is full for a while. */
export interface TaskWriter {
  /**
   * Resolves after the commit. While the store cannot commit, tries again until it can; `onDelayed` is called once when
   * the first try failed. The changes of one task are committed in the order of the calls.
   */
  readonly write: (id: TaskId, step: TaskStep, onDelayed: () => void) => Promise<void>;
  /** Resolves when every change of the task that was asked for so far is committed. */
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

  async function commit(id: TaskId, { fence, change }: TaskStep, onDelayed: () => void): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        const isHeld = await store.change(id, fence, change, durabilityOf(change));
        if (!isHeld) log.error("a change of a task was not stored: its record had moved on", { task: id });
        return;
      } catch (error) {
        if (tries === 1) {
          log.error("a change of a task could not be stored; trying again", { task: id, error });
          onDelayed();
        }
        await new Promise<void>((resolve) => deadlines.in(retryMs, resolve));
      }
    }
  }

  return {
    write: async (id, step, onDelayed) => {
      const before = newest.get(id);
      const written =
        before === undefined ? commit(id, step, onDelayed) : before.then(() => commit(id, step, onDelayed));
      newest.set(id, written);
      await written;
      if (newest.get(id) === written) newest.delete(id);
    },
    settled: (id) => newest.get(id) ?? Promise.resolve(),
    isIdle: () => newest.size === 0,
  };
}

/** Who cancels is answered after the commit: a task that was told to be cancelled must not run after a power cut. */
function durabilityOf({ state }: TaskChange): Durability {
  return state === "cancelled" ? "full" : "process";
}
