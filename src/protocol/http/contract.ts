import { z } from "zod";
import { Capabilities, Name, Tag } from "../capability.ts";
import { Decision } from "../decision.ts";
import { InviteId, MeshId, NodeId, RuleId, TaskId } from "../ids.ts";
import { MessageInput, RetryEdit, TaskInput } from "../message.ts";
import { NodeInfo, NodePatch, NodeStatus } from "../node.ts";
import { Group, GroupInput, Rule, RuleInput } from "../rule.ts";
import { maxBulkTasks, maxTaskPage, TaskFilter, TaskInfo, TaskPage } from "../task.ts";
import { route } from "./route.ts";

/** The HTTP API, version 1. docs/reference/http-api.md explains it; `/api/v1/openapi.json` is made of it. */
export const apiPrefix = "/api/v1";

export const Health = z.object({
  status: z.literal("ok"),
  mesh_id: MeshId,
  version: z.string(),
});
export type Health = z.infer<typeof Health>;

export const Readiness = z.object({ ready: z.boolean(), reason: z.string().nullable() });

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
  /** `retried_as`: the task that runs it again. */
  done: z.array(z.object({ id: TaskId, retried_as: TaskId.optional() })),
  failed: z.array(z.object({ id: TaskId, code: z.string(), error: z.string() })),
});
export type BulkAnswer = z.infer<typeof BulkAnswer>;

/** Why it went there is at `GET /tasks/{id}/decision`, and in the `decision` event of a streamed answer. */
export const RouteAnswer = z.object({
  message_id: TaskId,
  node_id: NodeId,
  node_name: z.string(),
  response: z.string(),
  attempts: z.int(),
  /** From acceptance to answer. */
  duration_ms: z.number(),
});
export type RouteAnswer = z.infer<typeof RouteAnswer>;

/** Events of a streamed answer; the name is the SSE event, the schema its data. */
export const StreamEvents = {
  decision: z.object({ message_id: TaskId, attempt: z.int(), decision: Decision }),
  /** The text begins anew here: what is kept of it so far, or the beginning of that, which chunks continue. */
  snapshot: z.object({ attempt: z.int(), offset: z.int(), text: z.string(), truncated: z.boolean() }),
  /** An offset lower than the length so far means: start again there. */
  chunk: z.object({ attempt: z.int(), offset: z.int(), text: z.string() }),
  result: RouteAnswer,
  error: z.object({
    error: z.string(),
    code: z.string(),
    hint: z.string(),
    request_id: z.string(),
    details: z.record(z.string(), z.unknown()).optional(),
  }),
} as const;

export const RegisterInput = z.strictObject({
  name: Name,
  endpoint: z.string().min(1).max(256),
  capabilities: Capabilities.extend({
    tags: z
      .array(Tag)
      .max(64)
      .nullish()
      .transform((tags) => tags ?? []),
    skills: z
      .array(z.string())
      .max(256)
      .nullish()
      .transform((skills) => skills ?? []),
  }),
});

export const InviteInput = z.strictObject({
  /** Seconds until the invite expires. */
  ttl_s: z
    .int()
    .min(10)
    .max(30 * 24 * 3600)
    .optional(),
});

export const Invite = z.object({
  id: InviteId,
  /** Shown once. */
  code: z.string(),
  expires_at: z.iso.datetime(),
  /** Addresses of this coordinator that another machine may be able to reach. */
  urls: z.array(z.string()),
});
export type Invite = z.infer<typeof Invite>;

export const ExplainInput = MessageInput.extend({ target: z.string().min(1).max(80).optional() });

const nodeParams = z.object({ id: z.string().min(1).max(80) });
const ruleParams = z.object({ id: RuleId });
const groupParams = z.object({ name: Name });
const taskParams = z.object({ id: TaskId });
const messageErrors = [
  "NO_NODE_FITS",
  "QUEUE_FULL",
  "MESSAGE_TIMEOUT",
  "OUTCOME_UNKNOWN",
  "RUNTIME_FAILED",
  "MESSAGE_REFUSED",
  "ANSWER_TOO_LARGE",
  "MESSAGE_CANCELLED",
  "MESSAGE_EXPIRED",
  "IDEMPOTENCY_CONFLICT",
  "COORDINATOR_STOPPING",
  "STORE_UNAVAILABLE",
] as const;

export const contract = {
  getHealth: route({
    operationId: "getHealth",
    method: "GET",
    path: "/healthz",
    tag: "service",
    scopes: ["none"],
    summary: "Is the process alive",
    status: 200,
    answer: Health,
    errors: [],
  }),
  getReadiness: route({
    operationId: "getReadiness",
    method: "GET",
    path: "/readyz",
    tag: "service",
    scopes: ["none"],
    summary: "Does it take work; 503 while it starts or stops",
    status: 200,
    answer: Readiness,
    errors: [],
  }),
  getOpenApi: route({
    operationId: "getOpenApi",
    method: "GET",
    path: `${apiPrefix}/openapi.json`,
    tag: "service",
    scopes: ["none"],
    summary: "This document",
    status: 200,
    answer: z.record(z.string(), z.unknown()),
    errors: [],
  }),

  routeMessage: route({
    operationId: "routeMessage",
    method: "POST",
    path: `${apiPrefix}/route`,
    tag: "messages",
    scopes: ["send"],
    summary: "Send a message to the node that fits, and wait for the answer",
    body: MessageInput,
    takesKey: true,
    status: 200,
    answer: RouteAnswer,
    streams: true,
    errors: messageErrors,
  }),
  explainRoute: route({
    operationId: "explainRoute",
    method: "POST",
    path: `${apiPrefix}/route/explain`,
    tag: "messages",
    scopes: ["read"],
    summary: "Decide without sending",
    body: ExplainInput,
    status: 200,
    answer: Decision,
    errors: ["NODE_NOT_FOUND"],
  }),
  routeMessageTo: route({
    operationId: "routeMessageTo",
    method: "POST",
    path: `${apiPrefix}/route/{node}`,
    tag: "messages",
    scopes: ["send"],
    summary: "Send a message to one node (id or name) or group, and wait for the answer",
    params: z.object({ node: z.string().min(1).max(80) }),
    body: MessageInput,
    takesKey: true,
    status: 200,
    answer: RouteAnswer,
    streams: true,
    errors: ["NODE_NOT_FOUND", "NODE_OFFLINE", ...messageErrors],
  }),

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
    summary: "Ask for the end of a task; a result that arrives first wins",
    params: taskParams,
    status: 202,
    answer: TaskInfo,
    errors: ["TASK_NOT_FOUND", "STORE_UNAVAILABLE"],
  }),

  listNodes: route({
    operationId: "listNodes",
    method: "GET",
    path: `${apiPrefix}/nodes`,
    tag: "nodes",
    scopes: ["read"],
    summary: "All nodes, by name",
    query: z.object({
      limit: z.coerce.number().int().min(1).max(10_000).optional(),
      cursor: z.string().max(128).optional(),
    }),
    status: 200,
    answer: z.array(NodeInfo),
    errors: [],
  }),
  getNode: route({
    operationId: "getNode",
    method: "GET",
    path: `${apiPrefix}/nodes/{id}`,
    tag: "nodes",
    scopes: ["read", "node"],
    summary: "One node, by id or name",
    params: nodeParams,
    status: 200,
    answer: NodeInfo,
    errors: ["NODE_NOT_FOUND"],
  }),
  patchNode: route({
    operationId: "patchNode",
    method: "PATCH",
    path: `${apiPrefix}/nodes/{id}`,
    tag: "nodes",
    scopes: ["operate"],
    summary: "Cordon, drain, uncordon, tags, weight",
    params: nodeParams,
    body: NodePatch,
    status: 200,
    answer: NodeInfo,
    errors: ["NODE_NOT_FOUND"],
  }),
  removeNode: route({
    operationId: "removeNode",
    method: "DELETE",
    path: `${apiPrefix}/nodes/{id}`,
    tag: "nodes",
    scopes: ["operate", "node"],
    summary: "Remove a node; its token is void, its history stays",
    params: nodeParams,
    status: 204,
    errors: ["NODE_NOT_FOUND"],
  }),
  registerNode: route({
    operationId: "registerNode",
    method: "POST",
    path: `${apiPrefix}/nodes/register`,
    tag: "nodes",
    scopes: ["node", "invite", "admin"],
    summary: "Join with a direct endpoint, as the classic tool does",
    body: RegisterInput,
    status: 201,
    answer: z.object({ node_id: NodeId, token: z.string() }),
    errors: ["ENDPOINT_REFUSED", "NAME_TAKEN", "INVITE_INVALID"],
  }),
  heartbeatNode: route({
    operationId: "heartbeatNode",
    method: "POST",
    path: `${apiPrefix}/nodes/{id}/heartbeat`,
    tag: "nodes",
    scopes: ["node", "admin"],
    summary: "A sign of life of a node with a direct endpoint",
    params: nodeParams,
    body: z.strictObject({ status: NodeStatus }),
    status: 204,
    errors: ["NODE_NOT_FOUND"],
  }),
  openLink: route({
    operationId: "openLink",
    method: "GET",
    path: `${apiPrefix}/link`,
    tag: "link",
    scopes: ["node", "invite", "admin"],
    summary: "The WebSocket of a node",
    status: 101,
    errors: ["UPGRADE_REQUIRED", "INVITE_INVALID"],
  }),

  listRules: route({
    operationId: "listRules",
    method: "GET",
    path: `${apiPrefix}/rules`,
    tag: "rules",
    scopes: ["read"],
    summary: "All rules, in the order they are tried",
    status: 200,
    answer: z.array(Rule),
    errors: [],
  }),
  addRule: route({
    operationId: "addRule",
    method: "POST",
    path: `${apiPrefix}/rules`,
    tag: "rules",
    scopes: ["admin"],
    summary: "Add a rule at the end",
    body: RuleInput,
    status: 201,
    answer: Rule,
    errors: ["RULE_INVALID"],
  }),
  replaceRule: route({
    operationId: "replaceRule",
    method: "PUT",
    path: `${apiPrefix}/rules/{id}`,
    tag: "rules",
    scopes: ["admin"],
    summary: "Replace a rule, keeping its place",
    params: ruleParams,
    body: RuleInput,
    status: 200,
    answer: Rule,
    errors: ["RULE_NOT_FOUND", "RULE_READ_ONLY", "RULE_INVALID"],
  }),
  removeRule: route({
    operationId: "removeRule",
    method: "DELETE",
    path: `${apiPrefix}/rules/{id}`,
    tag: "rules",
    scopes: ["admin"],
    summary: "Remove a rule",
    params: ruleParams,
    status: 204,
    errors: ["RULE_NOT_FOUND", "RULE_READ_ONLY"],
  }),
  orderRules: route({
    operationId: "orderRules",
    method: "POST",
    path: `${apiPrefix}/rules/order`,
    tag: "rules",
    scopes: ["admin"],
    summary: "Put the rules that are not from the configuration file in this order",
    body: z.strictObject({ ids: z.array(RuleId).max(10_000) }),
    status: 200,
    answer: z.array(Rule),
    errors: ["RULE_NOT_FOUND", "RULE_READ_ONLY"],
  }),

  listGroups: route({
    operationId: "listGroups",
    method: "GET",
    path: `${apiPrefix}/groups`,
    tag: "groups",
    scopes: ["read"],
    summary: "All groups",
    status: 200,
    answer: z.array(Group),
    errors: [],
  }),
  putGroup: route({
    operationId: "putGroup",
    method: "PUT",
    path: `${apiPrefix}/groups/{name}`,
    tag: "groups",
    scopes: ["admin"],
    summary: "Make or replace a group",
    params: groupParams,
    body: GroupInput,
    status: 200,
    answer: Group,
    errors: ["GROUP_READ_ONLY", "NAME_TAKEN"],
  }),
  removeGroup: route({
    operationId: "removeGroup",
    method: "DELETE",
    path: `${apiPrefix}/groups/{name}`,
    tag: "groups",
    scopes: ["admin"],
    summary: "Remove a group",
    params: groupParams,
    status: 204,
    errors: ["GROUP_NOT_FOUND", "GROUP_READ_ONLY"],
  }),

  createInvite: route({
    operationId: "createInvite",
    method: "POST",
    path: `${apiPrefix}/invites`,
    tag: "access",
    scopes: ["admin"],
    summary: "A one-use, expiring right to join",
    body: InviteInput,
    status: 201,
    answer: Invite,
    errors: [],
  }),
} as const;

export type Contract = typeof contract;
