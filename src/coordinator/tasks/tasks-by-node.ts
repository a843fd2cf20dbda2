import type { NodeId } from "../../protocol/ids.ts";
import type { LiveTask } from "./live-task.ts";

/** Which tasks have an attempt on which node, so that nobody has to look through all tasks for those of one. */
export interface TasksByNode {
  readonly put: (one: LiveTask, nodeId: NodeId) => void;
  readonly remove: (one: LiveTask) => void;
  readonly on: (nodeId: NodeId) => Iterable<LiveTask>;
}

export function createTasksByNode(): TasksByNode {
  const byNode = new Map<NodeId, Set<LiveTask>>();

  function remove(one: LiveTask): void {
    const { placedOn } = one;
    if (placedOn === null) return;
    one.placedOn = null;
    // The set stays when it is empty: nodes are few, and messages come and go.
    byNode.get(placedOn)?.delete(one);
  }

  return {
    put: (one, nodeId) => {
      remove(one);
      one.placedOn = nodeId;
      let tasks = byNode.get(nodeId);
      if (tasks === undefined) {
        tasks = new Set();
        byNode.set(nodeId, tasks);
      }
      tasks.add(one);
    },
    remove,
    on: (nodeId) => byNode.get(nodeId) ?? [],
  };
}
