import type { Task } from "../../domain/tasks/task.ts";
import { isTerminal } from "../../domain/tasks/task-machine.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Deadlines } from "../../platform/deadlines.ts";
import type { Ids } from "../../platform/ids.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { TaskId } from "../../protocol/ids.ts";
import type { RetryEdit } from "../../protocol/message.ts";
import type { TaskStore } from "../../store/tasks.ts";
import { assertNotRevoked, type Principal } from "../auth/principal.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";
import { tellingRefusals } from "./refusal-by-rule.ts";
import type { TaskAccess } from "./task-access.ts";
import type { TaskEngine } from "./task-engine.ts";
import { assertTimes, toRetryMessage } from "./task-message.ts";

/** What can be done to a task by those who may change it. All throw TASK_NOT_FOUND or SCOPE_MISSING to others. */
export interface TaskActions {
  /**
   * Asks for its end; without effect on one that has ended. Gives the task as it is then, after the commit, which is
   * a full one when it ends here. Throws STORE_UNAVAILABLE when that takes longer than {@link cancelCommitMs}.
   */
  readonly cancel: (id: TaskId, principal: Principal) => Promise<Task>;
  /**
   * Runs an ended task again as a new one, in the name of who sent it first, but waiting in the share of the caller; resolves
   * after a full commit.
   * Throws TASK_NOT_ENDED, TASK_ALREADY_RETRIED, BODY_INVALID for its times, or what the engine's `submit` throws.
   */
  readonly retry: (id: TaskId, edit: RetryEdit, principal: Principal) => Promise<Task>;
  /** Takes a failed task off the dead letters. Throws TASK_NOT_FAILED. */
  readonly discard: (id: TaskId, principal: Principal) => Promise<Task>;
}

/** How long a cancel waits for its commit. */
export const cancelCommitMs = 5_000;

interface TaskActionOptions {
  readonly engine: TaskEngine;
  readonly store: TaskStore;
  readonly access: TaskAccess;
  readonly events: MeshEventEmitter;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly ids: Ids;
}

export function createTaskActions(options: TaskActionOptions): TaskActions {
  const { engine, store, access, events, clock, deadlines, ids } = options;

  async function retry(id: TaskId, edit: RetryEdit, principal: Principal): Promise<Task> {
    assertMayEdit(edit, principal);
    const original = await access.change(id, principal);
    if (!isTerminal(original.state)) throw notEnded(id);
    if (original.retriedAs !== null) throw alreadyRetried(id, original.retriedAs);
    const made = { id: ids.task(), nowMs: clock.nowMs() };
    const message = toRetryMessage(original.message, { edit, by: principal }, made);
    assertTimes(message, message.createdAtMs);
    // Looking the task up took its time.
    assertNotRevoked(principal);
    try {
      return (await tellingRefusals(principal, () => engine.submit(message, principal.subject))).task;
    } catch (error) {
      if (!(error instanceof MeshError) || error.code !== "TASK_ALREADY_RETRIED") throw error;
      // Another call was quicker, after this one had looked.
      throw alreadyRetried(id, (await store.get(id))?.retriedAs ?? null);
    }
  }

  async function cancel(id: TaskId, principal: Principal): Promise<Task> {
    const task = await access.change(id, principal);
    assertNotRevoked(principal);
    const live = engine.find(id);
    if (live === null) return task;
    const late = Promise.withResolvers<"late">();
    const forgetDeadline = deadlines.in(cancelCommitMs, () => late.resolve("late"));
    try {
      if ((await Promise.race([engine.cancel(live), late.promise])) === "late") throw notStored(id);
      return live.task;
    } finally {
      forgetDeadline();
    }
  }

  return {
    cancel,
    retry,
    discard: async (id, principal) => {
      const task = await access.change(id, principal);
      assertNotRevoked(principal);
      const nowMs = clock.nowMs();
      if (!(await store.discard(id, nowMs))) {
        throw new MeshError("TASK_NOT_FAILED", `Task ${id} has not failed: it is ${task.state}.`);
      }
      const discarded = (await store.get(id)) ?? task;
      if (task.discardedAtMs === null && discarded.discardedAtMs !== null) {
        events.emit("task.discarded", { taskId: id });
      }
      return discarded;
    },
  };
}

/** Parts of a message that an operator may change: when it runs, and before whom. */
const operableEdits: ReadonlySet<string> = new Set([
  "priority",
  "not_before",
  "expires_at",
  "timeout_s",
] satisfies readonly (keyof RetryEdit)[]);

/** Other words, or the same ones elsewhere or under other rules, are a message that the caller sends himself. */
function assertMayEdit(edit: RetryEdit, { scopes }: Principal): void {
  if (scopes.has("send")) return;
  const changed = Object.entries(edit).filter(
    ([key, value]) => value !== undefined && !operableEdits.has(key),
  );
  const [first] = changed;
  if (first === undefined) return;
  throw new MeshError("SCOPE_MISSING", `Another ${first[0]} takes a token with the scope send, too.`, {
    hint: "Run the task again as it is, or at another time or priority, or use a token with the scopes operate and send.",
  });
}

function notStored(id: TaskId): MeshError {
  const message = `The cancel of task ${id} is noted but not on record yet: the store has not taken it.`;
  return new MeshError("STORE_UNAVAILABLE", message, {
    hint: "It is tried until it is on record; a coordinator that ends before that forgets it. Look at the task, or cancel it again.",
  });
}

function notEnded(id: TaskId): MeshError {
  return new MeshError("TASK_NOT_ENDED", `Task ${id} has not ended yet.`);
}

function alreadyRetried(id: TaskId, retriedAs: TaskId | null): MeshError {
  const message = `Task ${id} was run again already${retriedAs === null ? "" : `, as ${retriedAs}`}.`;
  return new MeshError("TASK_ALREADY_RETRIED", message, {
    details: retriedAs === null ? {} : { retried_as: retriedAs },
  });
}
