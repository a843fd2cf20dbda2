import type { Contract } from "../../protocol/http/contract.ts";
import type { TaskQuery } from "../../store/tasks.ts";
import { type Call, takingTime } from "../http/call.ts";
import type { Handlers } from "../http/http-server.ts";
import { type BulkAction, type createBulkTasks, withinStates } from "./bulk-tasks.ts";
import type { TaskActions } from "./task-actions.ts";

interface BulkRouteOptions {
  readonly actions: TaskActions;
  readonly bulk: ReturnType<typeof createBulkTasks>;
}

type BulkRouteCall = Call<Contract["cancelTasks" | "retryTasks" | "discardTasks"]>;

/** What the HTTP API does with many tasks at once. */
export function createBulkRoutes({
  actions,
  bulk,
}: BulkRouteOptions): Pick<Handlers, "cancelTasks" | "retryTasks" | "discardTasks"> {
  const inBulk = (call: BulkRouteCall, action: BulkAction) =>
    takingTime(call, () =>
      bulk({ input: call.body, principal: call.principal, requestId: call.requestId }, action),
    );

  return {
    cancelTasks: (call) =>
      inBulk(call, {
        narrow: (query) => withinStates(query, ["queued", "running"]),
        // A run that was told to end may take a while: it would be found again and again.
        concerns: ({ cancelRequestedAtMs }) => cancelRequestedAtMs === null,
        apply: async (id) => ({ state: (await actions.cancel(id, call.principal)).state }),
      }),
    retryTasks: (call) =>
      inBulk(call, {
        narrow: toRetryQuery,
        concerns: ({ retriedAs, discardedAtMs }) => retriedAs === null && discardedAtMs === null,
        apply: async (id) => ({ retried_as: (await actions.retry(id, {}, call.principal)).message.id }),
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
