import type { SlotNeed } from "../../domain/routing/slot-need.ts";
import { createFairQueue, type QueueHead } from "../../domain/tasks/fair-queue.ts";
import type { NodeId, TaskId } from "../../protocol/ids.ts";
import type { LanePlace, LaneSpec } from "./lane.ts";
import type { LiveTask } from "./live-task.ts";

/** Tasks that go from one lane to another in one step; it takes about a millisecond. */
const maxMoved = 250;

/**
 * Above all priorities: a task whose node was lost, or whose runtime failed, has had its turn. It does not queue up again
 * behind those that never began, or a crowd of them would delay the failover for as long as it lasts.
 */
const resumedPriority = 10;

/** Nodes that tasks wait for, once for all lanes that wait for the same: there may be thousands of each. */
interface NodeSet {
  readonly ids: readonly NodeId[];
  readonly lanes: Set<Lane>;
  /** Lanes of more than one refused task alone, by what they need of a node. */
  readonly sharedCounts: Map<SlotNeed, number>;
}

/** Tasks that wait for the same. */
export interface Lane {
  readonly id: string;
  readonly nodes: NodeSet;
  /** As of the newest decision. */
  spec: LaneSpec;
}

/** Tasks that no node can take now. Whose turn it is says domain/tasks/fair-queue.ts. */
export interface WaitingRoom {
  readonly size: () => number;
  /** Into the lane of those that wait for the same. One that waits already keeps its time of arrival. */
  readonly put: (one: LiveTask, spec: LaneSpec) => void;
  /** `isServed`: a node takes it. */
  readonly remove: (id: TaskId, isServed: boolean) => void;
  readonly laneOf: (id: TaskId) => Lane | null;
  /** The lane of those that wait for this; null: none does. */
  readonly find: (place: LanePlace) => Lane | null;
  /** All lanes, the one that has been there for the longest time first. */
  readonly lanes: () => Iterable<Lane>;
  readonly lanesOn: (nodeId: NodeId) => readonly Lane[];
  /** Whether tasks wait for this node that were not refused, and for something of it that is free. */
  readonly isAwaited: (nodeId: NodeId, isFree: (need: SlotNeed) => boolean) => boolean;
  /** null: the lane is empty. */
  readonly head: (lane: Lane) => QueueHead<TaskId> | null;
  readonly tasksIn: (lane: Lane) => readonly TaskId[];
  /** The first tasks of one lane, at most {@link maxMoved}, now wait for the same as those of the other. */
  readonly moveSome: (from: Lane, to: Lane) => void;
}

/** @param monotonicMs the time now, for how long tasks have waited */
export function createWaitingRoom(monotonicMs: () => number): WaitingRoom {
  const queue = createFairQueue<TaskId>();
  const lanes = new Map<string, Lane>();
  const lanesByKey = new Map<string, Lane[]>();
  const setsByEnds = new Map<string, NodeSet[]>();
  const setsByNode = new Map<NodeId, Set<NodeSet>>();
  let arrivals = 0;
  let opened = 0;

  function openNodeSet(ids: readonly NodeId[]): NodeSet {
    const sets = setsByEnds.get(endsOf(ids)) ?? [];
    const known = sets.find((set) => isSame(set.ids, ids));
    if (known !== undefined) return known;
    const set: NodeSet = { ids, lanes: new Set(), sharedCounts: new Map() };
    setsByEnds.set(endsOf(ids), [...sets, set]);
    for (const id of ids) {
      const ofNode = setsByNode.get(id) ?? new Set();
      setsByNode.set(id, ofNode);
      ofNode.add(set);
    }
    return set;
  }

  function closeNodeSet(set: NodeSet): void {
    const left = (setsByEnds.get(endsOf(set.ids)) ?? []).filter((other) => other !== set);
    if (left.length === 0) setsByEnds.delete(endsOf(set.ids));
    else setsByEnds.set(endsOf(set.ids), left);
    for (const id of set.ids) {
      const ofNode = setsByNode.get(id);
      ofNode?.delete(set);
      if (ofNode?.size === 0) setsByNode.delete(id);
    }
  }

  function find({ key, nodeIds }: LanePlace): Lane | null {
    return lanesByKey.get(key)?.find((lane) => isSame(lane.nodes.ids, nodeIds)) ?? null;
  }

  function openLane(spec: LaneSpec): Lane {
    const known = find(spec);
    if (known !== null) {
      // Its rule may have been changed meanwhile.
      countShared(known, -1);
      known.spec = spec;
      countShared(known, 1);
      return known;
    }
    const variants = lanesByKey.get(spec.key) ?? [];
    opened += 1;
    const lane: Lane = { id: `${opened}`, nodes: openNodeSet(spec.nodeIds), spec };
    lanes.set(lane.id, lane);
    lanesByKey.set(spec.key, [...variants, lane]);
    lane.nodes.lanes.add(lane);
    countShared(lane, 1);
    return lane;
  }

  function closeIfEmpty(lane: Lane): void {
    if (queue.head(lane.id, 0) !== null) return;
    lanes.delete(lane.id);
    const left = (lanesByKey.get(lane.spec.key) ?? []).filter((other) => other !== lane);
    if (left.length === 0) lanesByKey.delete(lane.spec.key);
    else lanesByKey.set(lane.spec.key, left);
    lane.nodes.lanes.delete(lane);
    countShared(lane, -1);
    if (lane.nodes.lanes.size === 0) closeNodeSet(lane.nodes);
  }

  function countShared({ nodes: { sharedCounts }, spec: { isAlone, wants } }: Lane, change: 1 | -1): void {
    if (isAlone) return;
    const count = (sharedCounts.get(wants.slot) ?? 0) + change;
    if (count === 0) sharedCounts.delete(wants.slot);
    else sharedCounts.set(wants.slot, count);
  }

  /** Those that wait for no node in particular, or were refused, share nothing with other lanes. */
  function groupOf(lane: Lane): object {
    return lane.spec.isAlone || lane.nodes.ids.length === 0 ? lane : lane.nodes;
  }

  function laneOf(id: TaskId): Lane | null {
    const laneId = queue.laneOf(id);
    return laneId === null ? null : (lanes.get(laneId) ?? null);
  }

  function remove(id: TaskId, isServed: boolean): void {
    const lane = laneOf(id);
    if (lane === null) return;
    if (isServed) queue.take(id, monotonicMs());
    else queue.remove(id);
    closeIfEmpty(lane);
  }

  return {
    size: queue.size,
    put: (one, spec) => {
      const before = laneOf(one.id);
      const lane = openLane(spec);
      if (before === lane) return;
      if (before !== null) remove(one.id, false);
      if (one.arrival === null) {
        arrivals += 1;
        one.arrival = { number: arrivals, atMs: monotonicMs() };
      }
      const { source } = one.task.message;
      const priority = wasTaken(one) ? resumedPriority : one.task.message.priority;
      const { number: arrival, atMs: sinceMs } = one.arrival;
      queue.add(lane.id, groupOf(lane), { id: one.id, source, priority, arrival, sinceMs });
    },
    remove,
    laneOf,
    find,
    lanes: () => lanes.values(),
    lanesOn: (nodeId) => [...(setsByNode.get(nodeId) ?? [])].flatMap((set) => [...set.lanes]),
    isAwaited: (nodeId, isFree) => {
      for (const { sharedCounts } of setsByNode.get(nodeId) ?? []) {
        for (const need of sharedCounts.keys()) if (isFree(need)) return true;
      }
      return false;
    },
    head: (lane) => queue.head(lane.id, monotonicMs()),
    tasksIn: (lane) => queue.inLane(lane.id).map(({ id }) => id),
    moveSome: (from, to) => {
      for (let moved = 0; moved < maxMoved; moved += 1) {
        const head = queue.head(from.id, monotonicMs());
        const item = head === null ? null : queue.find(head.id);
        if (item === null) break;
        queue.remove(item.id);
        queue.add(to.id, groupOf(to), item);
      }
      closeIfEmpty(from);
    },
  };
}

/** Refusals do not count: nobody has worked on it then. */
function wasTaken({ task }: LiveTask): boolean {
  return task.attempts.some(({ state }) => state === "lost" || state === "finished");
}

function endsOf(ids: readonly NodeId[]): string {
  return `${ids.length} ${ids[0] ?? ""} ${ids.at(-1) ?? ""}`;
}

function isSame(left: readonly NodeId[], right: readonly NodeId[]): boolean {
  return left.length === right.length && left.every((id, index) => id === right[index]);
}
