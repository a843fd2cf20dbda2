import { allowsAnyOf, isWithinLimit } from "../../domain/routing/index.ts";
import type { Task, TaskMessage } from "../../domain/tasks/task.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { NodeId, TaskId } from "../../protocol/ids.ts";
import type { TaskStore } from "../../store/tasks.ts";
import type { Principal } from "../auth/principal.ts";
import type { TaskEngine } from "./task-engine.ts";
import type { TaskViewer } from "./task-filter.ts";

/**
 * Who may see and change which task: with `read` one sees all, with `operate` one changes all, else one's own. Who operates
 * only the nodes of some groups changes, beside his own, the tasks of these nodes and those that can run nowhere else.
 */
export interface TaskAccess {
  /** Throws TASK_NOT_FOUND, also for one that the caller may not see. */
  readonly see: (id: TaskId, principal: Principal) => Promise<Task>;
  /** As `see`; throws SCOPE_MISSING for one that the caller may only see. */
  readonly change: (id: TaskId, principal: Principal) => Promise<Task>;
  /** As `change`, of one that is known to be there. */
  readonly mayChange: (task: TaskPlace, principal: Principal) => boolean;
}

/** What it depends on who may change a task. */
export interface TaskPlace extends Pick<TaskMessage, "subject" | "allowedGroups"> {
  /** Of the current or last attempt. */
  readonly nodeId: NodeId | null;
}

interface TaskAccessOptions {
  readonly engine: Pick<TaskEngine, "find">;
  readonly store: Pick<TaskStore, "get">;
  /** Names of the groups that a node is in; none for one that is not known. */
  readonly groupsOf: (nodeId: NodeId) => readonly string[];
}

export function createTaskAccess({ engine, store, groupsOf }: TaskAccessOptions): TaskAccess {
  async function see(id: TaskId, principal: Principal): Promise<Task> {
    const task = engine.find(id)?.task ?? (await store.get(id));
    if (task === null || !(seesAll(principal) || isOwn(task.message, principal))) {
      throw new MeshError("TASK_NOT_FOUND", `There is no task ${id}.`);
    }
    return task;
  }

  function mayChange(task: TaskPlace, principal: Principal): boolean {
    if (isOwn(task, principal)) return true;
    const { scopes, groups } = principal;
    if (!scopes.has("operate")) return false;
    if (groups === null || isWithinLimit(task.allowedGroups, groups)) return true;
    return task.nodeId !== null && allowsAnyOf(groups, groupsOf(task.nodeId));
  }

  return {
    see,
    mayChange,
    change: async (id, principal) => {
      const task = await see(id, principal);
      const { subject, allowedGroups } = task.message;
      if (mayChange({ subject, allowedGroups, nodeId: task.nodeId }, principal)) return task;
      throw notYours(id, principal);
    },
  };
}

function notYours(id: TaskId, { scopes, groups }: Principal): MeshError {
  if (groups === null || !scopes.has("operate")) {
    return new MeshError("SCOPE_MISSING", `Task ${id} was sent with another token.`, {
      hint: "Use that token, or one with the scope operate.",
    });
  }
  return new MeshError(
    "SCOPE_MISSING",
    `Task ${id} was sent with another token, and is on no node of ${groups.join(", ")}, to which this token is limited.`,
    { hint: "Use the token that sent it, or one with the scope operate that has no such limit." },
  );
}

export function seesAll({ scopes }: Principal): boolean {
  return scopes.has("read");
}

/** Whose tasks he finds in lists. */
export function viewerOf(principal: Principal): TaskViewer {
  return seesAll(principal) ? { subject: null, groups: null } : ownOf(principal);
}

/** Whose tasks he may find to change them; with a limit of groups not all of these. */
export function changerOf(principal: Principal): TaskViewer {
  return principal.scopes.has("operate") ? { subject: null, groups: null } : ownOf(principal);
}

function ownOf({ subject, groups }: Principal): TaskViewer {
  return { subject, groups };
}

function isOwn(task: Pick<TaskMessage, "subject">, { subject }: Principal): boolean {
  return task.subject === subject;
}
