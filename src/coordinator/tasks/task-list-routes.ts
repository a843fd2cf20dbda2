import type { Clock } from "../../platform/clock.ts";
import type { TaskSummary } from "../../protocol/task.ts";
import type { TaskOutline, TaskStore } from "../../store/tasks.ts";
import type { Handlers } from "../http/http-server.ts";
import { seesAll } from "./task-access.ts";
import type { TaskEngine } from "./task-engine.ts";
import { parseTaskCursor, printTaskCursor, type TaskFilters } from "./task-filter.ts";
import { toTaskSummary, waitingText } from "./task-info.ts";

/** Tasks on a page when the caller does not say. */
const defaultPage = 50;

interface TaskListRouteOptions {
  readonly engine: Pick<TaskEngine, "find">;
  readonly store: Pick<TaskStore, "list">;
  readonly filters: TaskFilters;
  readonly clock: Clock;
}

/** Lists of tasks, page by page. */
export function createTaskListRoutes(options: TaskListRouteOptions): Pick<Handlers, "listTasks"> {
  const { engine, store, filters, clock } = options;

  function toSummary(outline: TaskOutline): TaskSummary {
    const live = outline.state === "queued" ? engine.find(outline.id) : null;
    return toTaskSummary(outline, live === null ? null : waitingText(live.task, clock.nowMs()));
  }

  return {
    listTasks: async ({ query, principal }) => {
      const { limit, cursor, ...filter } = query;
      const after = cursor === undefined ? null : parseTaskCursor(cursor);
      const selection = filters.select(filter, seesAll(principal) ? null : principal.subject);
      const page = { after, limit: limit ?? defaultPage, order: "newest" } as const;
      const { tasks, next } = await store.list(selection.query, page);
      return {
        tasks: tasks.filter(selection.fits).map(toSummary),
        next_cursor: next === null ? null : printTaskCursor(next),
      };
    },
  };
}
