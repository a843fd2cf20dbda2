import type { TaskMessage } from "../../domain/tasks/task.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Ids } from "../../platform/ids.ts";
import { MeshError } from "../../protocol/errors.ts";
import { apiPrefix, type Contract } from "../../protocol/http/contract.ts";
import type { TaskInfo, TaskSummary } from "../../protocol/task.ts";
import type { TaskOutline, TaskQuery, TaskStore } from "../../store/tasks.ts";
import { jsonAnswer } from "../http/answers.ts";
import type { Call, Handler } from "../http/call.ts";
import type { Handlers } from "../http/http-server.ts";
import { type BulkAction, type createBulkTasks, withinStates } from "./bulk-tasks.ts";
import { endedTask } from "./repeats.ts";
import { seesAll, type TaskAccess } from "./task-access.ts";
import type { TaskActions } from "./task-actions.ts";
import type { TaskEngine } from "./task-engine.ts";
import { parseTaskCursor, printTaskCursor, type TaskFilters } from "./task-filter.ts";
import { toTaskInfo, toTaskSummary, waitingText } from "./task-info.ts";
import { timesProblem, toQueuedMessage } from "./task-message.ts";
import type { TaskStreams } from "./task-streams.ts";

/** Tasks on a page when the caller does not say. */
const defaultPage = 50;

interface QueueRouteOptions {
  readonly engine: TaskEngine;
  readonly store: TaskStore;
  readonly access: TaskAccess;
  readonly actions: TaskActions;
  readonly filters: TaskFilters;
  readonly bulk: ReturnType<typeof createBulkTasks>;
  readonly streams: TaskStreams;
  readonly clock: Clock;
  readonly ids: Ids;
}

type QueueHandlers = Pick<
  Handlers,
  | "addTask"
  | "listTasks"
  | "streamTask"
  | "retryTask"
  | "discardTask"
  | "cancelTasks"
  | "retryTasks"
  | "discardTasks"
>;
type BulkRouteCall = Call<Contract["cancelTasks" | "retryTasks" | "discardTasks"]>;

export function createQueueRoutes(options: QueueRouteOptions): QueueHandlers {
  const { engine, store, access, actions, filters, streams, clock } = options;

  const addTask: Handler<Contract["addTask"]> = async (call) => {
    const endTime = call.takeTime();
    try {
      const { body, bodyText, headers, principal } = call;
      const from = { subject: principal.subject, headers, bodyText };
      const message = toQueuedMessage(body, from, { id: options.ids.task(), nowMs: clock.nowMs() });
      await assertTimesOfNew(message);
      return accepted(toTaskInfo((await engine.submit(message)).task, clock.nowMs()));
    } finally {
      endTime();
    }
  };

  /** A repeat gets its task also when the times it names have passed meanwhile. */
  async function assertTimesOfNew(message: TaskMessage): Promise<void> {
    const problem = timesProblem(message, message.createdAtMs);
    if (problem === null) return;
    const { subject, idempotencyKey } = message;
    const isRepeat = idempotencyKey !== null && (await store.findByKey(subject, idempotencyKey)) !== null;
    if (!isRepeat) throw new MeshError("BODY_INVALID", problem);
  }

  const listTasks: Handler<Contract["listTasks"]> = async ({ query, principal }) => {
    const { limit, cursor, ...filter } = query;
    const after = cursor === undefined ? null : parseTaskCursor(cursor);
    const selection = filters.select(filter, seesAll(principal) ? null : principal.subject);
    const page = { after, limit: limit ?? defaultPage, order: "newest" } as const;
    const { tasks, next } = await store.list(selection.query, page);
    return {
      tasks: tasks.filter(selection.fits).map(toSummary),
      next_cursor: next === null ? null : printTaskCursor(next),
    };
  };

  function toSummary(outline: TaskOutline): TaskSummary {
    const live = outline.state === "queued" ? engine.find(outline.id) : null;
    return toTaskSummary(outline, live === null ? null : waitingText(live.task, clock.nowMs()));
  }

  const streamTask: Handler<Contract["streamTask"]> = async (call) => {
    const place = streams.open(call);
    try {
      const task = await access.see(call.params.id, call.principal);
      return place.follow(engine.find(task.message.id) ?? endedTask(task), () => undefined);
    } catch (error) {
      place.release();
      throw error;
    }
  };

  const retryTask: Handler<Contract["retryTask"]> = async (call) => {
    const endTime = call.takeTime();
    try {
      const task = await actions.retry(call.params.id, call.body, call.principal);
      return accepted(toTaskInfo(task, clock.nowMs()));
    } finally {
      endTime();
    }
  };

  async function inBulk(call: BulkRouteCall, action: BulkAction) {
    const endTime = call.takeTime();
    try {
      const { body: input, principal, requestId } = call;
      return await options.bulk({ input, principal, requestId }, action);
    } finally {
      endTime();
    }
  }

  return {
    addTask,
    listTasks,
    streamTask,
    retryTask,
    discardTask: async ({ params, principal }) =>
      toTaskInfo(await actions.discard(params.id, principal), clock.nowMs()),
    cancelTasks: (call) =>
      inBulk(call, {
        narrow: (query) => withinStates(query, ["queued", "running"]),
        // A run that was told to end may take a while: it would be found again and again.
        concerns: ({ cancelRequestedAtMs }) => cancelRequestedAtMs === null,
        apply: async (id) => {
          await actions.cancel(id, call.principal);
          return {};
        },
      }),
    retryTasks: (call) =>
      inBulk(call, {
        narrow: toRetryQuery,
        concerns: ({ retriedAs, discardedAtMs }) => retriedAs === null && discardedAtMs === null,
        apply: async (id) => ({ retriedAs: (await actions.retry(id, {}, call.principal)).message.id }),
      }),
    discardTasks: (call) =>
      inBulk(call, {
        narrow: (query) => ({ ...query, isDeadLetter: true }),
        concerns: () => true,
        apply: async (id) => {
          await actions.discard(id, call.principal);
          return {};
        },
      }),
  };
}

/** What succeeded, or was given up, is run again only when the caller says so. */
function toRetryQuery(query: TaskQuery): TaskQuery {
  if (query.states !== null) return withinStates(query, ["succeeded", "failed", "cancelled", "expired"]);
  return query.isDeadLetter === false
    ? withinStates(query, ["cancelled", "expired"])
    : { ...query, isDeadLetter: true };
}

function accepted(task: TaskInfo): Response {
  return jsonAnswer(202, task, { location: `${apiPrefix}/tasks/${task.id}` });
}
