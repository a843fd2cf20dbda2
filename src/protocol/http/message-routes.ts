import { z } from "zod";
import { Decision } from "../decision.ts";
import { NodeId, TaskId } from "../ids.ts";
import { MessageInput } from "../message.ts";
import { apiPrefix, route } from "./route.ts";

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

export const ExplainInput = MessageInput.extend({ target: z.string().min(1).max(80).optional() });

const messageErrors = [
  "REFUSED_BY_RULE",
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

export const messageRoutes = {
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
} as const;
