import type { Attempt, Task } from "../../../domain/tasks/task.ts";
import type { Database } from "../../../platform/sqlite.ts";
import { fromAttemptRow, fromTaskRow } from "../task-row.ts";

/** Reads the partial index of unfinished tasks, however many finished ones there are. */
export const listUnfinishedTasksSql = `
  select * from tasks indexed by tasks_unfinished where state in ('queued', 'running') order by id`;

/** A cross join keeps SQLite from beginning with the attempts, of which there are as many as ever were. */
export const listTheirAttemptsSql = `
  select attempts.* from tasks indexed by tasks_unfinished cross join attempts on attempts.task_id = tasks.id
  where tasks.state in ('queued', 'running') order by tasks.id, attempts.number`;

export function prepareListUnfinishedTasks(database: Database): () => readonly Task[] {
  const tasks = database.prepare<{ id: string }, []>(listUnfinishedTasksSql);
  const theirAttempts = database.prepare<unknown, []>(listTheirAttemptsSql);
  return () => {
    const attemptsByTask = new Map<string, Attempt[]>();
    for (const row of theirAttempts.all()) {
      const { taskId, attempt } = fromAttemptRow(row);
      const attempts = attemptsByTask.get(taskId);
      if (attempts === undefined) attemptsByTask.set(taskId, [attempt]);
      else attempts.push(attempt);
    }
    return tasks.all().map((row) => fromTaskRow(row, attemptsByTask.get(row.id) ?? []));
  };
}
