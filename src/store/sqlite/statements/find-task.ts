import type { Task } from "../../../domain/tasks/task.ts";
import type { Database } from "../../../platform/sqlite.ts";
import type { TaskId } from "../../../protocol/ids.ts";
import { fromAttemptRow, fromTaskRow } from "../task-row.ts";

export interface FindTask {
  readonly exists: (id: TaskId) => boolean;
  readonly byId: (id: TaskId) => Task | null;
  readonly byKey: (subject: string, idempotencyKey: string) => Task | null;
}

export function prepareFindTask(database: Database): FindTask {
  const existing = database.prepare<{ id: string }, [string]>("select id from tasks where id = ?");
  const taskById = database.prepare<{ id: string }, [string]>("select * from tasks where id = ?");
  const taskByKey = database.prepare<{ id: string }, [string, string]>(
    "select * from tasks where subject = ? and idempotency_key = ?",
  );
  const attemptsOf = database.prepare<unknown, [string]>(
    "select * from attempts where task_id = ? order by number",
  );

  function withAttempts(row: { id: string } | null): Task | null {
    if (row === null) return null;
    const attempts = attemptsOf.all(row.id).map((attemptRow) => fromAttemptRow(attemptRow).attempt);
    return fromTaskRow(row, attempts);
  }

  return {
    exists: (id) => existing.get(id) !== null,
    byId: (id) => withAttempts(taskById.get(id)),
    byKey: (subject, idempotencyKey) => withAttempts(taskByKey.get(subject, idempotencyKey)),
  };
}
