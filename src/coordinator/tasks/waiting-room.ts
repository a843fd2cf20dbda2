import type { NodeId, TaskId } from "../../protocol/ids.ts";

/** Messages that wait for a slot at most; beyond it they are refused with QUEUE_FULL. */
export const maxWaiting = 10_000;

/** Characters of all messages that wait, at most; they are held in memory. */
export const maxWaitingLength = 256 * 1024 * 1024;

/** Messages that no free node can take now, in the order they came. */
export interface WaitingRoom {
  readonly size: () => number;
  /**
   * Waits for one of the nodes to get free; empty: for any change of the mesh. Called again for a message that waits
   * already, it changes what it waits for and keeps its place.
   */
  readonly wait: (id: TaskId, nodeIds: readonly NodeId[]) => void;
  readonly remove: (id: TaskId) => void;
  /** The messages that wait for this node, oldest first. */
  readonly waitingFor: (nodeId: NodeId) => Iterable<TaskId>;
  /** All messages, oldest first. */
  readonly all: () => Iterable<TaskId>;
}

export function createWaitingRoom(): WaitingRoom {
  /** What each message waits for; insertion order is the order of arrival. */
  const waiting = new Map<TaskId, readonly NodeId[]>();
  const byNode = new Map<NodeId, Set<TaskId>>();

  function detach(id: TaskId, nodeIds: readonly NodeId[], kept: readonly NodeId[]): void {
    for (const nodeId of nodeIds) {
      if (kept.includes(nodeId)) continue;
      const queue = byNode.get(nodeId);
      queue?.delete(id);
      if (queue?.size === 0) byNode.delete(nodeId);
    }
  }

  return {
    size: () => waiting.size,
    wait: (id, wanted) => {
      detach(id, waiting.get(id) ?? [], wanted);
      waiting.set(id, wanted);
      for (const nodeId of wanted) {
        const queue = byNode.get(nodeId) ?? new Set();
        byNode.set(nodeId, queue);
        queue.add(id);
      }
    },
    remove: (id) => {
      detach(id, waiting.get(id) ?? [], []);
      waiting.delete(id);
    },
    waitingFor: (nodeId) => byNode.get(nodeId) ?? [],
    all: () => waiting.keys(),
  };
}
