import type { Task } from "../../../domain/tasks/task.ts";
import type { Database } from "../../../platform/sqlite.ts";
import type { TaskId } from "../../../protocol/ids.ts";
import { fromTaskRow } from "../task-row.ts";

export interface FindTask {
  readonly byId: (id: TaskId) => Task | null;
  readonly byKey: (subject: string, idempotencyKey: string) => Task | null;
}

export function prepareFindTask(database: Database): FindTask {
  const byId = database.prepare<unknown, [string]>("select * from tasks where id = ?");
  const byKey = database.prepare<unknown, [string, string]>(
    "select * from tasks where subject = ? and idempotency_key = ?",
  );
  const toTask = (row: unknown) => (row === null ? null : fromTaskRow(row));
  return {
    byId: (id) => toTask(byId.get(id)),
    byKey: (subject, idempotencyKey) => toTask(byKey.get(subject, idempotencyKey)),
  };
}
