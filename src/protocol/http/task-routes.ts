import { z } from "zod";
import { Decision } from "../decision.ts";
import { TaskId } from "../ids.ts";
import { RetryEdit, TaskInput } from "../message.ts";
import { maxBulkTasks, maxTaskPage, TaskFilter, TaskInfo, TaskPage, TaskState } from "../task.ts";
import { apiPrefix, route } from "./route.ts";

/** Which tasks a bulk call is about: named ones, or at most so many that a filter finds, oldest first. */
export const BulkInput = z.union([
  z.strictObject({ ids: z.array(TaskId).min(1).max(maxBulkTasks) }),
  z.strictObject({ filter: TaskFilter, limit: z.int().min(1).max(maxBulkTasks).optional() }),
]);
export type BulkInput = z.infer<typeof BulkInput>;

/** What became of each task of a bulk call. */
export const BulkAnswer = z.object({
  /** How many were looked at; with a filter and as many as its limit, call again. */
  matched: z.int(),
  /** `state`: that of a cancelled task then; a run ends later. `retried_as`: the task that runs it again. */
  done: z.array(z.object({ id: TaskId, state: TaskState.optional(), retried_as: TaskId.optional() })),
  failed: z.array(z.object({ id: TaskId, code: z.string(), error: z.string() })),
});
export type BulkAnswer = z.infer<typeof BulkAnswer>;

const taskParams = z.object({ id: TaskId });

export const taskRoutes = {
  addTask: route({
    operationId: "addTask",
    method: "POST",
    path: `${apiPrefix}/tasks`,
    tag: "tasks",
    scopes: ["send"],
    summary: "Queue a message; answered once it is safe on the disk",
    body: TaskInput,
    takesKey: true,
    status: 202,
    answer: TaskInfo,
    errors: [
      "NODE_NOT_FOUND",
      "REFUSED_BY_RULE",
      "QUEUE_FULL",
      "IDEMPOTENCY_CONFLICT",
      "COORDINATOR_STOPPING",
      "STORE_UNAVAILABLE",
    ],
  }),
  listTasks: route({
    operationId: "listTasks",
    method: "GET",
    path: `${apiPrefix}/tasks`,
    tag: "tasks",
    scopes: ["read", "send"],
    summary: "Tasks, newest first; a send token sees its own",
    query: TaskFilter.extend({
      limit: z.coerce.number().int().min(1).max(maxTaskPage).optional(),
      cursor: z.string().max(128).optional(),
    }),
    status: 200,
    answer: TaskPage,
    errors: ["NODE_NOT_FOUND", "GROUP_NOT_FOUND"],
  }),
  streamTask: route({
    operationId: "streamTask",
    method: "GET",
    path: `${apiPrefix}/tasks/{id}/stream`,
    tag: "tasks",
    scopes: ["read", "send"],
    summary: "Follow a task to its end; Last-Event-ID goes on where a broken stream stopped",
    params: taskParams,
    status: 200,
    streams: true,
    errors: ["TASK_NOT_FOUND", "QUEUE_FULL"],
  }),
  retryTask: route({
    operationId: "retryTask",
    method: "POST",
    path: `${apiPrefix}/tasks/{id}/retry`,
    tag: "tasks",
    scopes: ["operate", "send"],
    audits: "task.retry",
    summary: "Run an ended task again, perhaps edited, as a new task",
    params: taskParams,
    body: RetryEdit,
    isBodyOptional: true,
    status: 202,
    answer: TaskInfo,
    errors: [
      "TASK_NOT_FOUND",
      "TASK_NOT_ENDED",
      "TASK_ALREADY_RETRIED",
      "NODE_NOT_FOUND",
      "REFUSED_BY_RULE",
      "QUEUE_FULL",
      "COORDINATOR_STOPPING",
      "STORE_UNAVAILABLE",
    ],
  }),
  discardTask: route({
    operationId: "discardTask",
    method: "POST",
    path: `${apiPrefix}/tasks/{id}/discard`,
    tag: "tasks",
    scopes: ["operate", "send"],
    audits: "task.discard",
    summary: "Take a failed task off the dead letters; its record stays",
    params: taskParams,
    status: 200,
    answer: TaskInfo,
    errors: ["TASK_NOT_FOUND", "TASK_NOT_FAILED", "STORE_UNAVAILABLE"],
  }),
  cancelTasks: route({
    operationId: "cancelTasks",
    method: "POST",
    path: `${apiPrefix}/tasks/cancel`,
    tag: "tasks",
    scopes: ["operate", "send"],
    audits: "task.cancel_many",
    summary: "Cancel many tasks",
    body: BulkInput,
    status: 200,
    answer: BulkAnswer,
    errors: ["NODE_NOT_FOUND", "GROUP_NOT_FOUND", "STORE_UNAVAILABLE"],
  }),
  retryTasks: route({
    operationId: "retryTasks",
    method: "POST",
    path: `${apiPrefix}/tasks/retry`,
    tag: "tasks",
    scopes: ["operate", "send"],
    audits: "task.retry_many",
    summary: "Run many ended tasks again",
    body: BulkInput,
    status: 200,
    answer: BulkAnswer,
    errors: ["NODE_NOT_FOUND", "GROUP_NOT_FOUND"],
  }),
  discardTasks: route({
    operationId: "discardTasks",
    method: "POST",
    path: `${apiPrefix}/tasks/discard`,
    tag: "tasks",
    scopes: ["operate", "send"],
    audits: "task.discard_many",
    summary: "Discard many dead letters",
    body: BulkInput,
    status: 200,
    answer: BulkAnswer,
    errors: ["NODE_NOT_FOUND", "GROUP_NOT_FOUND"],
  }),
  getTask: route({
    operationId: "getTask",
    method: "GET",
    path: `${apiPrefix}/tasks/{id}`,
    tag: "tasks",
    scopes: ["read", "send"],
    summary: "A message and what became of it",
    params: taskParams,
    status: 200,
    answer: TaskInfo,
    errors: ["TASK_NOT_FOUND"],
  }),
  getTaskDecision: route({
    operationId: "getTaskDecision",
    method: "GET",
    path: `${apiPrefix}/tasks/{id}/decision`,
    tag: "tasks",
    scopes: ["read", "send"],
    summary: "Why it went where it went",
    params: taskParams,
    status: 200,
    answer: Decision,
    errors: ["TASK_NOT_FOUND"],
  }),
  cancelTask: route({
    operationId: "cancelTask",
    method: "POST",
    path: `${apiPrefix}/tasks/{id}/cancel`,
    tag: "tasks",
    scopes: ["operate", "send"],
    audits: "task.cancel",
    summary: "Ask for the end of a task; a result that arrives first wins",
    params: taskParams,
    status: 202,
    answer: TaskInfo,
    errors: ["TASK_NOT_FOUND", "STORE_UNAVAILABLE"],
  }),
} as const;
