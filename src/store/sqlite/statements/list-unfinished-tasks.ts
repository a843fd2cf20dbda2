import type { Task } from "../../../domain/tasks/task.ts";
import type { Database } from "../../../platform/sqlite.ts";
import { fromTaskRow } from "../task-row.ts";

/** Reads the partial index of unfinished tasks, however many finished ones there are. */
export const listUnfinishedTasksSql = `
  select * from tasks indexed by tasks_unfinished where state in ('queued', 'running') order by id`;

export function prepareListUnfinishedTasks(database: Database): () => readonly Task[] {
  const tasks = database.prepare<unknown, []>(listUnfinishedTasksSql);
  return () => tasks.all().map(fromTaskRow);
}
