import { createOrderedHeap, type HeapNode, type OrderedHeap } from "./ordered-heap.ts";

/**
 * The order in which tasks that wait get what becomes free. Pure: time is an argument.
 *
 * - A higher priority goes first.
 * - Within one priority the sources take turns (start-time fair queuing): each task gets a tag, one more than the newest
 *   of its source, and not less than one more than that of the task served last; the least tag goes first. A source
 *   with thousands of tasks so takes every second turn from one that has a few.
 * - Nothing starves: see {@link liftEveryMs}.
 *
 * Tasks that wait for the same are in one lane, and only the first of a lane is ever looked at. Tags are comparable
 * within a group, which is all lanes that wait for the same nodes; between groups their distance from the task that was
 * served last in the group is.
 */
export interface FairQueue<Id> {
  readonly size: () => number;
  /** In a lane that has a task already, `group` has to be that of the lane. Throws RangeError for one that is in it. */
  readonly add: (lane: string, group: object, item: QueueItem<Id>) => void;
  /** Without being served; without effect when it is not there. */
  readonly remove: (id: Id) => void;
  /** It is served: the turn of its source is over. */
  readonly take: (id: Id, nowMs: number) => void;
  readonly laneOf: (id: Id) => string | null;
  readonly find: (id: Id) => QueueItem<Id> | null;
  /** The task of the lane whose turn it is; null: it has none. Of several lanes that with the least head, by {@link isAhead}. */
  readonly head: (lane: string, nowMs: number) => QueueHead<Id> | null;
  /** All tasks of a lane, the first first, by their tags alone. */
  readonly inLane: (lane: string) => readonly QueueItem<Id>[];
}

export interface QueueItem<Id> {
  readonly id: Id;
  readonly source: string;
  /** 0 to 9, 9 first; more for what goes before all of them. */
  readonly priority: number;
  /** Settles ties: a number that grows from task to task. */
  readonly arrival: number;
  /** Since when it waits. */
  readonly sinceMs: number;
}

export interface QueueHead<Id> {
  readonly id: Id;
  /** Its priority, lifted by waiting. */
  readonly level: number;
  /** Turns until it is served, were it alone in its group. */
  readonly distance: number;
  readonly arrival: number;
}

/**
 * A lane in which nothing of a priority was served for this long, though it waits, is one level more urgent, and one more
 * for each further time; without an upper limit, so that even the least urgent goes at last. It counts from the last task
 * that was served: a crowd that was lifted does not go before everything urgent, only its first task does.
 */
export const liftEveryMs = 60_000;

/** Whether the first of two heads goes before the second. */
export function isAhead(left: QueueHead<unknown>, right: QueueHead<unknown>): boolean {
  if (left.level !== right.level) return left.level > right.level;
  if (left.distance !== right.distance) return left.distance < right.distance;
  return left.arrival < right.arrival;
}

interface Entry<Id> extends HeapNode {
  readonly item: QueueItem<Id>;
  readonly tag: number;
  readonly lane: Lane<Id>;
}

/** The tasks of one priority in one lane. */
interface Level<Id> {
  readonly entries: OrderedHeap<Entry<Id>>;
  servedAtMs: number;
}

interface Lane<Id> {
  readonly key: string;
  readonly group: Group;
  readonly levels: Map<number, Level<Id>>;
}

/** Turns of one priority in one group. */
interface Turns {
  /** Tag of the task that was served last. */
  served: number;
  /** Of the sources that wait: their newest tag and how many of their tasks wait. */
  readonly sources: Map<string, { newest: number; count: number }>;
}

interface Group {
  readonly key: object;
  readonly turns: Map<number, Turns>;
  count: number;
}

export function createFairQueue<Id>(): FairQueue<Id> {
  const entries = new Map<Id, Entry<Id>>();
  const lanes = new Map<string, Lane<Id>>();
  const groups = new Map<object, Group>();

  function openLane(key: string, groupKey: object): Lane<Id> {
    const known = lanes.get(key);
    if (known !== undefined) return known;
    let group = groups.get(groupKey);
    if (group === undefined) {
      group = { key: groupKey, turns: new Map(), count: 0 };
      groups.set(groupKey, group);
    }
    const lane: Lane<Id> = { key, group, levels: new Map() };
    lanes.set(key, lane);
    return lane;
  }

  function leave(entry: Entry<Id>): void {
    const { item, lane } = entry;
    entries.delete(item.id);
    const level = lane.levels.get(item.priority);
    level?.entries.remove(entry);
    if (level?.entries.size() === 0) lane.levels.delete(item.priority);
    if (lane.levels.size === 0) lanes.delete(lane.key);
    const sources = lane.group.turns.get(item.priority)?.sources;
    const source = sources?.get(item.source);
    if (source !== undefined) {
      source.count -= 1;
      // What it did not get is not held against it.
      if (source.count === 0) sources?.delete(item.source);
    }
    lane.group.count -= 1;
    if (lane.group.count === 0) groups.delete(lane.group.key);
  }

  return {
    size: () => entries.size,
    add: (key, groupKey, item) => {
      if (entries.has(item.id)) throw new RangeError("The task is in the queue already.");
      const lane = openLane(key, groupKey);
      const tag = nextTag(lane.group, item);
      const entry: Entry<Id> = { item, tag, lane, heapIndex: -1 };
      let level = lane.levels.get(item.priority);
      if (level === undefined) {
        level = { entries: createOrderedHeap<Entry<Id>>(isBefore), servedAtMs: Number.NEGATIVE_INFINITY };
        lane.levels.set(item.priority, level);
      }
      level.entries.add(entry);
      lane.group.count += 1;
      entries.set(item.id, entry);
    },
    remove: (id) => {
      const entry = entries.get(id);
      if (entry !== undefined) leave(entry);
    },
    take: (id, nowMs) => {
      const entry = entries.get(id);
      if (entry === undefined) return;
      const { lane, item, tag } = entry;
      const turns = lane.group.turns.get(item.priority);
      if (turns !== undefined) turns.served = Math.max(turns.served, tag);
      const level = lane.levels.get(item.priority);
      if (level !== undefined) level.servedAtMs = nowMs;
      leave(entry);
    },
    laneOf: (id) => entries.get(id)?.lane.key ?? null,
    find: (id) => entries.get(id)?.item ?? null,
    head: (key, nowMs) => {
      const lane = lanes.get(key);
      if (lane === undefined) return null;
      let best: QueueHead<Id> | null = null;
      let bestPriority = -1;
      for (const [priority, level] of lane.levels) {
        const entry = level.entries.least();
        if (entry === null) continue;
        const head = toHead(entry, level.servedAtMs, nowMs);
        // Where waiting has lifted one as high as a more urgent one, the more urgent one goes.
        if (
          best === null ||
          head.level > best.level ||
          (head.level === best.level && priority > bestPriority)
        ) {
          best = head;
          bestPriority = priority;
        }
      }
      return best;
    },
    inLane: (key) => {
      const levels = [...(lanes.get(key)?.levels ?? [])].sort(([left], [right]) => right - left);
      return levels.flatMap(([, level]) =>
        [...level.entries.members()]
          .sort((left, right) => (isBefore(left, right) ? -1 : 1))
          .map(({ item }) => item),
      );
    },
  };
}

function nextTag<Id>(group: Group, { priority, source }: QueueItem<Id>): number {
  let turns = group.turns.get(priority);
  if (turns === undefined) {
    turns = { served: 0, sources: new Map() };
    group.turns.set(priority, turns);
  }
  const known = turns.sources.get(source);
  const tag = Math.max(turns.served, known?.newest ?? 0) + 1;
  if (known === undefined) turns.sources.set(source, { newest: tag, count: 1 });
  else {
    known.newest = tag;
    known.count += 1;
  }
  return tag;
}

function isBefore<Id>(left: Entry<Id>, right: Entry<Id>): boolean {
  return left.tag === right.tag ? left.item.arrival < right.item.arrival : left.tag < right.tag;
}

function toHead<Id>({ item, tag, lane }: Entry<Id>, servedAtMs: number, nowMs: number): QueueHead<Id> {
  const waitedMs = Math.max(0, nowMs - Math.max(item.sinceMs, servedAtMs));
  const served = lane.group.turns.get(item.priority)?.served ?? 0;
  return {
    id: item.id,
    level: item.priority + Math.floor(waitedMs / liftEveryMs),
    distance: tag - served,
    arrival: item.arrival,
  };
}
