import type { TaskChange } from "../../domain/tasks/task.ts";
import type { Deadlines } from "../../platform/deadlines.ts";
import type { Log } from "../../platform/log.ts";
import type { TaskId } from "../../protocol/ids.ts";
import type { TaskFence, TaskStore } from "../../store/tasks.ts";

/** Pause before a change that could not be committed is tried again. */
const retryMs = 250;

/** Writes the changes of tasks that were accepted: those must not be lost because the disk is full for a while. */
export interface TaskWriter {
  /**
   * Resolves after the commit. While the store cannot commit, tries again until it can; `onDelayed` is called once when
   * the first try failed.
   */
  readonly write: (
    id: TaskId,
    step: { readonly fence: TaskFence; readonly change: TaskChange },
    onDelayed: () => void,
  ) => Promise<void>;
}

export function createTaskWriter(store: TaskStore, deadlines: Deadlines, log: Log): TaskWriter {
  return {
    write: async (id, { fence, change }, onDelayed) => {
      for (let tries = 1; ; tries += 1) {
        try {
          const isHeld = await store.change(id, fence, change, "process");
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
    },
  };
}
