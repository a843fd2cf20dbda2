import type { Database } from "../../../platform/sqlite.ts";
import type { TaskId } from "../../../protocol/ids.ts";
import type { TaskStore } from "../../tasks.ts";

type Refusal = Awaited<ReturnType<TaskStore["acceptRetry"]>>;

export interface RetryTask {
  /** @returns why the task may not be run again; null: it may */
  readonly findRefusal: (id: TaskId) => Refusal;
  readonly markRetried: (id: TaskId, retriedAs: TaskId) => void;
}

export function prepareRetryTask(database: Database): RetryTask {
  const select = database.prepare<{ is_open: number; retried_as: string | null }, [string]>(
    "select state in ('queued', 'running') as is_open, retried_as from tasks where id = ?",
  );
  const update = database.prepare("update tasks set retried_as = ? where id = ?");
  return {
    findRefusal: (id) => {
      const row = select.get(id);
      if (row === null) return "not_found";
      if (row.is_open === 1) return "not_ended";
      return row.retried_as === null ? null : "already_retried";
    },
    markRetried: (id, retriedAs) => {
      update.run(retriedAs, id);
    },
  };
}
