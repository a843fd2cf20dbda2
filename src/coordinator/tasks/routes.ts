import { toRetryPolicy } from "../../domain/tasks/retry-policy.ts";
import type { Task, TaskMessage } from "../../domain/tasks/task.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Deadlines } from "../../platform/deadlines.ts";
import { sha256Hex } from "../../platform/hash.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { Contract } from "../../protocol/http/contract.ts";
import type { TaskId } from "../../protocol/ids.ts";
import { defaultPriority, defaultTimeoutS } from "../../protocol/message.ts";
import type { TaskStore } from "../../store/tasks.ts";
import type { Principal } from "../auth/principal.ts";
import { jsonAnswer } from "../http/answers.ts";
import type { Call, Handler } from "../http/call.ts";
import { eventStreamAnswer } from "../http/event-stream.ts";
import type { Handlers } from "../http/http-server.ts";
import { createAnswerStream } from "./answer-stream.ts";
import type { LiveTask } from "./live-task.ts";
import type { TaskEngine } from "./task-engine.ts";
import { toTaskInfo } from "./task-info.ts";
import { toRouteAnswer } from "./task-outcome.ts";

/** Characters of an Idempotency-Key. */
const maxKeyLength = 256;

interface TaskRouteOptions {
  readonly engine: TaskEngine;
  readonly store: TaskStore;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly ids: Ids;
  readonly log: Log;
}

type TaskHandlers = Pick<
  Handlers,
  "routeMessage" | "routeMessageTo" | "getTask" | "getTaskDecision" | "cancelTask"
>;
type MessageCall = Call<Contract["routeMessage"]> | Call<Contract["routeMessageTo"]>;

export function createTaskRoutes(options: TaskRouteOptions): TaskHandlers {
  const { engine, store, clock } = options;

  async function send(call: MessageCall, target: string | null): Promise<Response> {
    const endTime = call.takeTime();
    try {
      const message = toMessage(call, target, { id: options.ids.task(), nowMs: clock.nowMs() });
      const live = await engine.submit(message);
      if (call.headers.get("accept")?.includes("text/event-stream") === true)
        return stream(call, live, endTime);
      const answer = await waitForAnswer(call, live);
      endTime();
      return answer;
    } catch (error) {
      endTime();
      throw error;
    }
  }

  /** A client that goes away cancels its message, unless a key says that it will come back for it. */
  function onGone(live: LiveTask): void {
    if (live.task.message.idempotencyKey === null) engine.cancel(live);
  }

  function stream(call: MessageCall, live: LiveTask, onEnd: () => void): Response {
    if (call.signal.aborted) onGone(live);
    const { requestId } = call;
    const source = createAnswerStream(live, {
      requestId,
      log: options.log,
      onGone: () => onGone(live),
      onEnd,
    });
    return eventStreamAnswer(source, options.deadlines, { "x-claw-mesh-task": live.id });
  }

  async function waitForAnswer(call: MessageCall, live: LiveTask): Promise<Response> {
    if (call.signal.aborted) onGone(live);
    const onAbort = () => onGone(live);
    call.signal.addEventListener("abort", onAbort, { once: true });
    const task = await live.ended.promise;
    call.signal.removeEventListener("abort", onAbort);
    return jsonAnswer(200, toRouteAnswer(task), answerHeaders(live, task, clock.monotonicMs()));
  }

  async function load(id: TaskId, principal: Principal): Promise<Task> {
    const task = engine.find(id)?.task ?? (await store.get(id));
    const isVisible =
      task !== null && (principal.scopes.has("read") || task.message.subject === principal.subject);
    if (!isVisible) throw new MeshError("TASK_NOT_FOUND", `There is no task ${id}.`);
    return task;
  }

  const cancelTask: Handler<Contract["cancelTask"]> = async ({ params, principal }) => {
    const task = await load(params.id, principal);
    const live = engine.find(task.message.id);
    if (live !== null) engine.cancel(live);
    return toTaskInfo(live?.task ?? task, clock.nowMs());
  };

  return {
    routeMessage: (call) => send(call, null),
    routeMessageTo: (call) => send(call, call.params.node),
    getTask: async ({ params, principal }) => toTaskInfo(await load(params.id, principal), clock.nowMs()),
    getTaskDecision: async ({ params, principal }) => {
      const { decision } = await load(params.id, principal);
      if (decision === null) throw new MeshError("TASK_NOT_FOUND", `Task ${params.id} has no decision yet.`);
      return decision;
    },
    cancelTask,
  };
}

function toMessage(
  call: MessageCall,
  target: string | null,
  made: { id: TaskId; nowMs: number },
): TaskMessage {
  const { body } = call;
  const key = call.headers.get("idempotency-key");
  if (key !== null && (key === "" || key.length > maxKeyLength)) {
    throw new MeshError("BODY_INVALID", `Idempotency-Key must have 1 to ${maxKeyLength} characters.`);
  }
  return {
    id: made.id,
    subject: call.principal.subject,
    content: body.content,
    source: body.source,
    session: body.session ?? null,
    requires: body.requires ?? {},
    labels: body.labels ?? {},
    target,
    effects: body.effects ?? "unsafe",
    infer: body.infer ?? true,
    timeoutMs: Math.max(1, Math.round((body.timeout_s ?? defaultTimeoutS) * 1000)),
    createdAtMs: made.nowMs,
    isSynchronous: true,
    priority: body.priority ?? defaultPriority,
    notBeforeMs: null,
    expiresAtMs: null,
    retry: toRetryPolicy(body.retry),
    retryOf: null,
    idempotencyKey: key,
    bodyHash: key === null ? null : sha256Hex(`${target ?? ""}\n${call.bodyText}`),
  };
}

/** Overhead: the message's time in the coordinator, without its time on the node and its waits. */
function answerHeaders(live: LiveTask, task: Task, nowMs: number): Record<string, string> {
  const { offeredMs, answeredMs, acceptedMs } = live.times;
  const overheadMs = offeredMs === 0 ? 0 : offeredMs - acceptedMs + nowMs - answeredMs;
  return {
    "x-claw-mesh-task": task.message.id,
    "x-claw-mesh-node": task.nodeId ?? "",
    "x-claw-mesh-overhead-ms": overheadMs.toFixed(2),
  };
}
