import type { Clock } from "../../platform/clock.ts";
import type { TaskSummary } from "../../protocol/task.ts";
import type { TaskOutline } from "../../store/tasks.ts";
import type { Principal } from "../auth/principal.ts";
import type { Handlers } from "../http/http-server.ts";
import { seesAll, viewerOf } from "./task-access.ts";
import type { TaskEngine } from "./task-engine.ts";
import { parseTaskCursor, printTaskCursor, type TaskFilters } from "./task-filter.ts";
import { toTaskSummary, waitingText } from "./task-info.ts";
import type { TaskPages } from "./task-pages.ts";

/** Tasks on a page when the caller does not say. */
const defaultPage = 50;

interface TaskListRouteOptions {
  readonly engine: Pick<TaskEngine, "find">;
  readonly pages: TaskPages;
  readonly filters: TaskFilters;
  readonly clock: Clock;
}

/** Lists of tasks, page by page. */
export function createTaskListRoutes(options: TaskListRouteOptions): Pick<Handlers, "listTasks"> {
  const { engine, pages, filters, clock } = options;

  function toSummary(outline: TaskOutline, principal: Principal): TaskSummary {
    const live = outline.state === "queued" ? engine.find(outline.id) : null;
    const waitingFor = live === null ? null : waitingText(live.task, clock.nowMs());
    return toTaskSummary(outline, { waitingFor, seesAll: seesAll(principal) });
  }

  return {
    listTasks: async ({ query, principal }) => {
      const { limit, cursor, ...filter } = query;
      const after = cursor === undefined ? null : parseTaskCursor(cursor);
      const selection = filters.select(filter, viewerOf(principal));
      const page = { after, limit: limit ?? defaultPage, order: "newest" } as const;
      const { tasks, next } = await pages.read(selection.query, page, principal);
      return {
        tasks: tasks.filter(selection.fits).map((task) => toSummary(task, principal)),
        next_cursor: next === null ? null : printTaskCursor(next),
      };
    },
  };
}
