import type { Task, TaskMessage } from "../../domain/tasks/task.ts";
import { isTerminal } from "../../domain/tasks/task-machine.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { TaskId } from "../../protocol/ids.ts";
import type { TaskStore } from "../../store/tasks.ts";
import { createLiveTask, type LiveTask } from "./live-task.ts";

interface RepeatOptions {
  readonly store: Pick<TaskStore, "findByKey">;
  readonly findLive: (id: TaskId) => LiveTask | null;
  readonly accept: (message: TaskMessage, placeOf?: string) => Promise<LiveTask>;
}

/**
 * Tells a repeat of an idempotency key from a new message, before it is routed: a repeat takes no slot and gets its task
 * whatever became of the node it named. Rejects with IDEMPOTENCY_CONFLICT when the key came with another body.
 */
export function createRepeatGuard({ store, findLive, accept }: RepeatOptions) {
  /** Keys that are being looked up or accepted now. */
  const underWay = new Map<string, Promise<LiveTask>>();

  async function findOrAccept(message: TaskMessage, idempotencyKey: string): Promise<LiveTask> {
    const existing = await store.findByKey(message.subject, idempotencyKey);
    if (existing === null) return accept(message);
    return findLive(existing.message.id) ?? endedTask(existing);
  }

  return async (message: TaskMessage, placeOf?: string): Promise<LiveTask> => {
    // Only who sends a message himself gives it a key.
    if (message.idempotencyKey === null) return accept(message, placeOf);
    const key = `${message.subject}\n${message.idempotencyKey}`;
    const known = underWay.get(key) ?? findOrAccept(message, message.idempotencyKey);
    underWay.set(key, known);
    try {
      return sameBody(await known, message);
    } finally {
      if (underWay.get(key) === known) underWay.delete(key);
    }
  };
}

/** A task that had ended before it was asked for again. Throws STORE_UNAVAILABLE when it has not: nothing goes on with it. */
export function endedTask(task: Task): LiveTask {
  if (!isTerminal(task.state)) {
    throw new MeshError("STORE_UNAVAILABLE", `Task ${task.message.id} is on record, but not under way.`, {
      hint: "Send it again with the same Idempotency-Key.",
    });
  }
  const one = createLiveTask(task, 0);
  one.ended.resolve(task);
  return one;
}

function sameBody(one: LiveTask, message: TaskMessage): LiveTask {
  if (one.task.message.bodyHash === message.bodyHash) return one;
  throw new MeshError("IDEMPOTENCY_CONFLICT", "This Idempotency-Key was used for another message.");
}
