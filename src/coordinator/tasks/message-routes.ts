import type { Task } from "../../domain/tasks/task.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Contract } from "../../protocol/http/contract.ts";
import { onRevoked, untilRevoked } from "../auth/principal.ts";
import { jsonAnswer } from "../http/answers.ts";
import { type Call, takingTime } from "../http/call.ts";
import type { Handlers } from "../http/http-server.ts";
import type { LiveTask } from "./live-task.ts";
import { tellingRefusals } from "./refusal-by-rule.ts";
import { seesAll } from "./task-access.ts";
import type { TaskEngine } from "./task-engine.ts";
import { toSender, toSynchronousMessage } from "./task-message.ts";
import { toRouteAnswer } from "./task-outcome.ts";
import type { TaskStreams } from "./task-streams.ts";

interface MessageRouteOptions {
  readonly engine: TaskEngine;
  readonly streams: TaskStreams;
  readonly clock: Clock;
  readonly ids: Ids;
}

type MessageHandlers = Pick<Handlers, "routeMessage" | "routeMessageTo">;
type MessageCall = Call<Contract["routeMessage"]> | Call<Contract["routeMessageTo"]>;

export function createMessageRoutes(options: MessageRouteOptions): MessageHandlers {
  const { engine, streams, clock } = options;

  function submit(call: MessageCall, target: string | null) {
    const { body, bodyText, headers, principal } = call;
    const from = { sender: toSender(principal, call.address()), headers, bodyText };
    const made = { id: options.ids.task(), nowMs: clock.nowMs() };
    const message = toSynchronousMessage({ ...body, target }, from, made);
    return tellingRefusals(principal, () => engine.submit(message));
  }

  async function send(call: MessageCall, target: string | null): Promise<Response> {
    if (call.headers.get("accept")?.includes("text/event-stream") === true) return stream(call, target);
    return takingTime(call, async () => waitForAnswer(call, await submit(call, target)));
  }

  /** A client that goes away cancels its message, unless a key says that it will come back for it. */
  function onGone(live: LiveTask): void {
    if (live.task.message.idempotencyKey === null) void engine.report(live, { kind: "cancel_requested" });
  }

  async function stream(call: MessageCall, target: string | null): Promise<Response> {
    const endTime = call.takeTime();
    const place = streams.open(call);
    try {
      const live = await submit(call, target);
      if (call.signal.aborted) onGone(live);
      return place.follow(live, () => onGone(live));
    } catch (error) {
      place.release();
      endTime();
      throw error;
    }
  }

  async function waitForAnswer(call: MessageCall, live: LiveTask): Promise<Response> {
    if (call.signal.aborted) onGone(live);
    const onAbort = () => onGone(live);
    call.signal.addEventListener("abort", onAbort, { once: true });
    const forgetCaller = onRevoked(call.principal, onAbort);
    const task = await untilRevoked(call.principal, live.ended.promise).finally(() => {
      forgetCaller();
      call.signal.removeEventListener("abort", onAbort);
    });
    return jsonAnswer(
      200,
      toRouteAnswer(task, seesAll(call.principal)),
      answerHeaders(live, task, clock.monotonicMs()),
    );
  }

  return {
    routeMessage: (call) => send(call, null),
    routeMessageTo: (call) => send(call, call.params.node),
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
