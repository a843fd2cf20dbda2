import type { Task } from "../../domain/tasks/task.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { TaskId } from "../../protocol/ids.ts";
import type { TaskStore } from "../../store/tasks.ts";
import type { Principal } from "../auth/principal.ts";
import type { TaskEngine } from "./task-engine.ts";

/** Who may see and change which task: with `read` one sees all, with `operate` one changes all, else one's own. */
export interface TaskAccess {
  /** Throws TASK_NOT_FOUND, also for one that the caller may not see. */
  readonly see: (id: TaskId, principal: Principal) => Promise<Task>;
  /** As `see`; throws SCOPE_MISSING for one that the caller may only see. */
  readonly change: (id: TaskId, principal: Principal) => Promise<Task>;
}

interface TaskAccessOptions {
  readonly engine: Pick<TaskEngine, "find">;
  readonly store: Pick<TaskStore, "get">;
}

export function createTaskAccess({ engine, store }: TaskAccessOptions): TaskAccess {
  async function see(id: TaskId, principal: Principal): Promise<Task> {
    const task = engine.find(id)?.task ?? (await store.get(id));
    if (task === null || !(seesAll(principal) || isOwn(task, principal))) {
      throw new MeshError("TASK_NOT_FOUND", `There is no task ${id}.`);
    }
    return task;
  }

  return {
    see,
    change: async (id, principal) => {
      const task = await see(id, principal);
      if (changesAll(principal) || isOwn(task, principal)) return task;
      throw new MeshError("SCOPE_MISSING", `Task ${id} was sent with another token.`, {
        hint: "Use that token, or one with the scope operate.",
      });
    },
  };
}

export function seesAll({ scopes }: Principal): boolean {
  return scopes.has("read");
}

export function changesAll({ scopes }: Principal): boolean {
  return scopes.has("operate");
}

function isOwn(task: Task, { subject }: Principal): boolean {
  return task.message.subject === subject;
}
