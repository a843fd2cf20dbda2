import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Task } from "../../domain/tasks/task.ts";
import type { NodeId, TaskId } from "../../protocol/ids.ts";
import type { LaneSpec } from "./lane.ts";
import { createLiveTask, type LiveTask } from "./live-task.ts";
import { createWaitingRoom } from "./waiting-room.ts";

const node = (name: string | number) => `node_${name}` as NodeId;

function task(name: string | number): LiveTask {
  const message = { id: `task_${name}` as TaskId, source: "test", priority: 5 };
  return createLiveTask({ message, attempts: [] } as unknown as Task, 0);
}

function spec(key: string, nodes: readonly (string | number)[], isAlone = false): LaneSpec {
  return {
    key,
    nodeIds: nodes.map(node),
    wants: { declared: null, target: null, allowedGroups: null, rules: null, slot: null },
    rulePosition: Number.POSITIVE_INFINITY,
    isTimed: false,
    isAlone,
    decision: {} as LaneSpec["decision"],
    decidedAtMs: 0,
  };
}

describe("the waiting room", () => {
  test("has one lane for those that wait for the same, the first of them at its head", () => {
    const room = createWaitingRoom(() => 0);
    const [a, b, c] = [task("a"), task("b"), task("c")];
    room.put(a, spec("x", [1, 2]));
    room.put(b, spec("x", [1]));
    room.put(c, spec("x", [1, 2]));
    const lane = room.laneOf(a.id);
    expect(room.laneOf(c.id)).toBe(lane);
    expect(room.laneOf(b.id)).not.toBe(lane);
    expect(room.lanesOn(node(1))).toHaveLength(2);
    expect(room.lanesOn(node(2))).toEqual(lane === null ? [] : [lane]);
    expect(lane === null ? null : room.head(lane)?.id).toBe(a.id);
  });

  test("keeps the place of one that was refused and comes back", () => {
    const room = createWaitingRoom(() => 0);
    const [a, b] = [task("a"), task("b")];
    room.put(a, spec("x", [1]));
    room.put(b, spec("x", [1]));
    room.remove(a.id, true);
    room.put(a, spec("alone", [1], true));
    const heads = room.lanesOn(node(1)).map((lane) => room.head(lane));
    expect(heads.map((head) => [head?.id, head?.arrival])).toEqual([
      [b.id, 2],
      [a.id, 1],
    ]);
  });

  test("lets one that lost its node, or whose runtime failed, go before a crowd that never began", () => {
    for (const state of ["lost", "finished"] as const) {
      const room = createWaitingRoom(() => 0);
      const crowd = Array.from({ length: 100 }, (_, number) => task(number));
      for (const one of crowd) room.put(one, spec("x", [1]));
      const urgent = task("urgent");
      urgent.task = { ...urgent.task, message: { ...urgent.task.message, priority: 9 } };
      room.put(urgent, spec("x", [1]));
      const resumed = task("resumed");
      resumed.task = { ...resumed.task, attempts: [{ state }] as unknown as Task["attempts"] };
      room.put(resumed, spec("x", [1]));
      const [lane] = room.lanesOn(node(1));
      expect(lane === undefined ? null : room.head(lane)?.id).toBe(resumed.id);
    }
  });

  test("does not count those that were refused among those that await a node", () => {
    const room = createWaitingRoom(() => 0);
    const [a, b] = [task("a"), task("b")];
    room.put(a, spec("alone", [1], true));
    expect(room.isAwaited(node(1), () => true)).toBe(false);
    room.put(b, spec("x", [1]));
    expect(room.isAwaited(node(1), () => true)).toBe(true);
    room.remove(b.id, false);
    expect(room.isAwaited(node(1), () => true)).toBe(false);
  });

  test("moves a lane in steps, and loses none on the way", () => {
    const room = createWaitingRoom(() => 0);
    const tasks = Array.from({ length: 1_200 }, (_, index) => task(index));
    for (const one of tasks) room.put(one, spec("x", [1]));
    const [first] = tasks;
    if (first === undefined) throw new Error("there are some");
    const from = room.laneOf(first.id);
    room.put(first, spec("x", [2]));
    const to = room.laneOf(first.id);
    if (from === null || to === null) throw new Error("both are there");
    for (let step = 0; step < 5; step += 1) room.moveSome(from, to);
    expect(room.tasksIn(to)).toEqual(tasks.map(({ id }) => id));
    expect([...room.lanes()]).toEqual([to]);
    expect(room.lanesOn(node(1))).toEqual([]);
  });

  test("whatever happens, all views agree, and nothing is left behind of what is gone", () => {
    const step = fc.record({
      id: fc.nat({ max: 5 }),
      key: fc.nat({ max: 2 }),
      nodes: fc.option(fc.uniqueArray(fc.nat({ max: 4 }), { maxLength: 4 })),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const room = createWaitingRoom(() => 0);
        const tasks = Array.from({ length: 6 }, (_, index) => task(index));
        const waiting = new Map<TaskId, readonly number[]>();
        for (const { id, key, nodes } of steps) {
          const one = tasks[id];
          if (one === undefined) continue;
          if (nodes === null) room.remove(one.id, key === 0);
          else room.put(one, spec(`${key}`, nodes));
          if (nodes === null) waiting.delete(one.id);
          else waiting.set(one.id, nodes);
        }
        expect(room.size()).toBe(waiting.size);
        const all = [...room.lanes()].flatMap(room.tasksIn);
        expect(all.toSorted()).toEqual([...waiting.keys()].toSorted());
        for (let index = 0; index <= 4; index += 1) {
          const expected = [...waiting].filter(([, nodes]) => nodes.includes(index)).map(([id]) => id);
          const found = room.lanesOn(node(index)).flatMap(room.tasksIn);
          expect(found.toSorted()).toEqual(expected.toSorted());
          expect(room.isAwaited(node(index), () => true)).toBe(expected.length > 0);
        }
      }),
    );
  });
});
