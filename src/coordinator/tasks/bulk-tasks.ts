import type { Log } from "../../platform/log.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { BulkAnswer, BulkInput } from "../../protocol/http/contract.ts";
import type { TaskId } from "../../protocol/ids.ts";
import { maxBulkTasks, maxTaskPage, type TaskState } from "../../protocol/task.ts";
import type { TaskListing, TaskOutline, TaskQuery } from "../../store/tasks.ts";
import { assertNotRevoked, type Principal } from "../auth/principal.ts";
import { toErrorBody } from "../http/answers.ts";
import { changerOf, type TaskAccess } from "./task-access.ts";
import type { TaskFilters } from "./task-filter.ts";
import type { TaskPages } from "./task-pages.ts";

/** One thing to do to many tasks. */
export interface BulkAction {
  /** A filter finds only those that the action can do something about. */
  readonly narrow: (query: TaskQuery) => TaskQuery;
  readonly concerns: (task: TaskOutline) => boolean;
  /** Does it to one. Its failure is listed and does not keep the others from theirs. */
  readonly apply: (id: TaskId) => Promise<Omit<BulkAnswer["done"][number], "id">>;
}

export interface BulkCall {
  readonly input: BulkInput;
  readonly principal: Principal;
  readonly requestId: string;
}

/** Tasks of one bulk call that are worked on at once: each may have a content of 1 Mi characters. */
const bulkWidth = 20;

interface BulkOptions {
  readonly pages: TaskPages;
  readonly access: Pick<TaskAccess, "mayChange">;
  readonly filters: TaskFilters;
  readonly log: Log;
}

/** Does something to named tasks, or to the oldest that a filter finds, each by itself. */
export function createBulkTasks({ pages, access, filters, log }: BulkOptions) {
  /** A list does not tell of the groups of a sender: what waits in these is changed by id. */
  function isInReach({ subject, nodeId }: TaskOutline, principal: Principal): boolean {
    return access.mayChange({ subject, nodeId, allowedGroups: null }, principal);
  }

  async function findIds({ input, principal }: BulkCall, action: BulkAction): Promise<readonly TaskId[]> {
    if ("ids" in input) return [...new Set(input.ids)];
    const { query, fits } = filters.select(input.filter, changerOf(principal));
    const limit = input.limit ?? maxBulkTasks;
    const found: TaskId[] = [];
    let after: TaskId | null = null;
    do {
      assertNotRevoked(principal);
      const range = { after, limit: maxTaskPage, order: "oldest" } as const;
      const page: TaskListing = await pages.read(action.narrow(query), range, principal);
      const concerned = page.tasks.filter(
        (task) => fits(task) && action.concerns(task) && isInReach(task, principal),
      );
      found.push(...concerned.map(({ id }) => id));
      after = page.next;
    } while (after !== null && found.length < limit);
    return found.slice(0, limit);
  }

  return async (call: BulkCall, action: BulkAction): Promise<BulkAnswer> => {
    const ids = await findIds(call, action);
    const done: BulkAnswer["done"] = [];
    const failed: BulkAnswer["failed"] = [];
    let isStoreAway = false;

    async function work(id: TaskId): Promise<void> {
      try {
        // Each would wait in its turn for what the store does not do.
        if (isStoreAway) throw notTried(id);
        done.push({ id, ...(await action.apply(id)) });
      } catch (error) {
        if (error instanceof MeshError && error.code === "STORE_UNAVAILABLE") isStoreAway = true;
        const { code, error: text } = toErrorBody(error, call.requestId, log).body;
        failed.push({ id, code, error: text });
      }
    }

    for (let at = 0; at < ids.length; at += bulkWidth) {
      assertNotRevoked(call.principal);
      await Promise.all(ids.slice(at, at + bulkWidth).map(work));
    }
    const place = new Map(ids.map((id, index) => [id, index]));
    const inOrder = (a: { id: TaskId }, b: { id: TaskId }) => (place.get(a.id) ?? 0) - (place.get(b.id) ?? 0);
    return { matched: ids.length, done: done.sort(inOrder), failed: failed.sort(inOrder) };
  };
}

function notTried(id: TaskId): MeshError {
  return new MeshError("STORE_UNAVAILABLE", `Nothing was done to task ${id}: the store takes no changes.`);
}

/** The query with the states that are among these; those it names itself count. */
export function withinStates(query: TaskQuery, states: readonly TaskState[]): TaskQuery {
  return { ...query, states: query.states?.filter((state) => states.includes(state)) ?? states };
}
