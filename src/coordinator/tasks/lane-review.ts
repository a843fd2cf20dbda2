import { isAhead, type QueueHead } from "../../domain/tasks/fair-queue.ts";
import { createOrderedHeap, type HeapNode } from "../../domain/tasks/ordered-heap.ts";
import type { Clock } from "../../platform/clock.ts";
import type { TaskId } from "../../protocol/ids.ts";
import { holdsForAll } from "./lane.ts";
import type { Lane, WaitingRoom } from "./waiting-room.ts";

/** How long tasks that wait are decided again in one turn of the event loop. */
const sliceMs = 3;

/** Lanes that one question about a review looks at. */
const maxLookedAt = 200;

/** Decides again for tasks that wait: of each lane its first one; when that cannot go, no other of the lane can. */
export interface LaneReview {
  /**
   * The first tasks of those lanes go that `mayGo`, as long as they can and until `isOver`. At once, in the order of their
   * turns.
   */
  readonly serve: (lanes: Iterable<Lane>, until: ServeLimits) => void;
  /** Something has changed for all of these: a few now, the others in the next turns of the loop. */
  readonly review: (lanes: Iterable<Lane>) => void;
  /** Every task of the lanes is decided again by itself. */
  readonly reviewTasks: (lanes: Iterable<Lane>) => void;
  readonly isUnderWay: () => boolean;
  /** Whether one of those that are still to be decided may be in such a lane; yes when the lanes are too many to be looked at. */
  readonly isUnderWayFor: (test: (lane: Lane) => boolean) => boolean;
}

interface ServeLimits {
  readonly mayGo: (lane: Lane) => boolean;
  readonly isOver: () => boolean;
}

interface ReviewOptions {
  readonly room: WaitingRoom;
  readonly clock: Clock;
  /** Decides the task again: it goes, ends, or is put into the room anew. */
  readonly decideAgain: (id: TaskId) => void;
}

interface Turn extends HeapNode {
  readonly lane: Lane;
  readonly head: QueueHead<TaskId>;
}

const byTurn = (left: Turn, right: Turn) => isAhead(left.head, right.head);

export function createLaneReview({ room, clock, decideAgain }: ReviewOptions): LaneReview {
  const pending = createOrderedHeap<Turn>(byTurn);
  const pendingTurns = new Map<Lane, Turn>();
  /** Tasks to be decided each by itself, in order; those before `nextTask` are done. */
  let taskLine: TaskId[] = [];
  let nextTask = 0;
  const pendingTasks = new Set<TaskId>();
  let isArmed = false;

  /** @returns whether the next one of the lane may go, too */
  function askHead(lane: Lane): boolean {
    const head = room.head(lane);
    if (head === null) return false;
    const before = lane.spec;
    decideAgain(head.id);
    const after = room.laneOf(head.id);
    if (after === null) return true;
    if (after === lane || room.head(lane) === null) return false;
    if (holdsForAll(before, after.spec)) {
      room.moveSome(lane, after);
      // Those that are left are asked in a while, by then perhaps with another answer.
      add(lane);
    } else {
      addTasks(lane);
    }
    return false;
  }

  function add(lane: Lane): void {
    const head = room.head(lane);
    if (head === null || pendingTurns.has(lane)) return;
    const turn: Turn = { lane, head, heapIndex: -1 };
    pendingTurns.set(lane, turn);
    pending.add(turn);
  }

  function addTasks(lane: Lane): void {
    for (const id of room.tasksIn(lane)) {
      if (pendingTasks.has(id)) continue;
      pendingTasks.add(id);
      taskLine.push(id);
    }
  }

  function run(): void {
    const endsAtMs = clock.monotonicMs() + sliceMs;
    while (clock.monotonicMs() < endsAtMs) {
      if (!step()) return;
    }
    arm();
  }

  function step(): boolean {
    const turn = pending.takeLeast();
    if (turn !== null) {
      pendingTurns.delete(turn.lane);
      if (askHead(turn.lane)) add(turn.lane);
      return true;
    }
    const id = taskLine[nextTask];
    if (id === undefined) {
      taskLine = [];
      nextTask = 0;
      return false;
    }
    nextTask += 1;
    pendingTasks.delete(id);
    if (room.laneOf(id) !== null) decideAgain(id);
    return true;
  }

  function isUnderWay(): boolean {
    return pending.size() > 0 || pendingTasks.size > 0;
  }

  function isUnderWayFor(test: (lane: Lane) => boolean): boolean {
    let looked = 0;
    for (const lane of pendingTasks.size > 0 ? room.lanes() : pendingTurns.keys()) {
      looked += 1;
      if (looked > maxLookedAt || test(lane)) return true;
    }
    return false;
  }

  function arm(): void {
    if (isArmed) return;
    isArmed = true;
    const go = () => {
      isArmed = false;
      run();
    };
    clock.after(0, go, { unref: true });
  }

  return {
    serve: (lanes, { mayGo, isOver }) => {
      const turns = createOrderedHeap<Turn>(byTurn);
      const enter = (lane: Lane) => {
        const head = room.head(lane);
        if (head !== null) turns.add({ lane, head, heapIndex: -1 });
      };
      for (const lane of lanes) if (mayGo(lane)) enter(lane);
      while (!isOver()) {
        const turn = turns.takeLeast();
        if (turn === null) break;
        if (mayGo(turn.lane) && askHead(turn.lane)) enter(turn.lane);
      }
      if (isUnderWay()) arm();
    },
    review: (lanes) => {
      for (const lane of lanes) add(lane);
      if (!isArmed) run();
    },
    reviewTasks: (lanes) => {
      for (const lane of lanes) addTasks(lane);
      if (!isArmed) run();
    },
    isUnderWay,
    isUnderWayFor,
  };
}
