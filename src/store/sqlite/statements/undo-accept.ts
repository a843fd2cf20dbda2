import type { Task } from "../../../domain/tasks/task.ts";
import type { Database } from "../../../platform/sqlite.ts";

/**
 * Takes back an acceptance whose caller was told that it failed, in whatever state: it may have ended at once, or have been
 * cancelled meanwhile. Without effect once an attempt was added.
 */
export interface UndoAccept {
  readonly remove: (task: Task) => void;
  /** Also lets the ended task be run again by another one. */
  readonly removeRetry: (task: Task) => void;
}

export function prepareUndoAccept(database: Database): UndoAccept {
  const remove = database.prepare<unknown, [string, number]>(
    "delete from tasks where id = ? and attempt = ?",
  );
  const unmark = database.prepare<unknown, [string, string]>(
    "update tasks set retried_as = null where id = ? and retried_as = ?",
  );
  const removeTask = (task: Task): boolean =>
    remove.run(task.message.id, task.attempts.at(-1)?.number ?? 0).changes > 0;
  return {
    remove: removeTask,
    removeRetry: (task) => {
      const { id, retryOf } = task.message;
      if (removeTask(task) && retryOf !== null) unmark.run(retryOf, id);
    },
  };
}
