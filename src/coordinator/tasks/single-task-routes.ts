import type { Task, TaskMessage } from "../../domain/tasks/task.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Ids } from "../../platform/ids.ts";
import { MeshError } from "../../protocol/errors.ts";
import { apiPrefix, type Contract } from "../../protocol/http/contract.ts";
import type { TaskInfo } from "../../protocol/task.ts";
import type { TaskStore } from "../../store/tasks.ts";
import { assertNotRevoked, type Principal } from "../auth/principal.ts";
import { jsonAnswer } from "../http/answers.ts";
import { type Handler, takingTime } from "../http/call.ts";
import type { Handlers } from "../http/http-server.ts";
import { viewDecision } from "./decision-view.ts";
import { tellingRefusals } from "./refusal-by-rule.ts";
import { endedTask } from "./repeats.ts";
import { seesAll, type TaskAccess } from "./task-access.ts";
import type { TaskActions } from "./task-actions.ts";
import type { TaskEngine } from "./task-engine.ts";
import { toTaskInfo } from "./task-info.ts";
import { timesProblem, toQueuedMessage, toSender } from "./task-message.ts";
import type { TaskStreams } from "./task-streams.ts";

interface SingleTaskRouteOptions {
  readonly engine: TaskEngine;
  readonly store: Pick<TaskStore, "findByKey">;
  readonly access: TaskAccess;
  readonly actions: TaskActions;
  readonly streams: TaskStreams;
  readonly clock: Clock;
  readonly ids: Ids;
}

type SingleTaskHandlers = Pick<
  Handlers,
  "addTask" | "getTask" | "getTaskDecision" | "streamTask" | "cancelTask" | "retryTask" | "discardTask"
>;

/** What the HTTP API does with one task. */
export function createSingleTaskRoutes(options: SingleTaskRouteOptions): SingleTaskHandlers {
  const { access, actions, clock } = options;
  const toInfo = (task: Task, principal: Principal) =>
    toTaskInfo(task, { nowMs: clock.nowMs(), seesAll: seesAll(principal) });

  return {
    addTask: createAddTask(options),
    getTask: async ({ params, principal }) => toInfo(await access.see(params.id, principal), principal),
    getTaskDecision: async ({ params, principal }) => {
      const { decision, message } = await access.see(params.id, principal);
      if (decision === null) throw new MeshError("TASK_NOT_FOUND", `Task ${params.id} has no decision yet.`);
      return viewDecision(decision, { message, seesAll: seesAll(principal) });
    },
    streamTask: createStreamTask(options),
    cancelTask: async ({ params, principal }) =>
      toInfo(await actions.cancel(params.id, principal), principal),
    retryTask: (call) =>
      takingTime(call, async () =>
        accepted(toInfo(await actions.retry(call.params.id, call.body, call.principal), call.principal)),
      ),
    discardTask: async ({ params, principal }) =>
      toInfo(await actions.discard(params.id, principal), principal),
  };
}

function createAddTask({ engine, store, clock, ids }: SingleTaskRouteOptions): Handler<Contract["addTask"]> {
  /** A repeat gets its task also when the times it names have passed meanwhile. */
  async function assertTimesOfNew(message: TaskMessage): Promise<void> {
    const problem = timesProblem(message, message.createdAtMs);
    if (problem === null) return;
    const { subject, idempotencyKey } = message;
    const isRepeat = idempotencyKey !== null && (await store.findByKey(subject, idempotencyKey)) !== null;
    if (!isRepeat) throw new MeshError("BODY_INVALID", problem);
  }

  return (call) =>
    takingTime(call, async () => {
      const { body, bodyText, headers, principal } = call;
      const from = { sender: toSender(principal, call.address()), headers, bodyText };
      const message = toQueuedMessage(body, from, { id: ids.task(), nowMs: clock.nowMs() });
      await assertTimesOfNew(message);
      assertNotRevoked(principal);
      const { task } = await tellingRefusals(principal, () => engine.submit(message));
      return accepted(toTaskInfo(task, { nowMs: clock.nowMs(), seesAll: seesAll(principal) }));
    });
}

function createStreamTask(options: SingleTaskRouteOptions): Handler<Contract["streamTask"]> {
  const { engine, access, streams } = options;
  return async (call) => {
    const place = streams.open(call);
    try {
      const task = await access.see(call.params.id, call.principal);
      return place.follow(engine.find(task.message.id) ?? endedTask(task), () => undefined);
    } catch (error) {
      place.release();
      throw error;
    }
  };
}

function accepted(task: TaskInfo): Response {
  return jsonAnswer(202, task, { location: `${apiPrefix}/tasks/${task.id}` });
}
