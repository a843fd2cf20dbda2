import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { NodeId, TaskId } from "../../protocol/ids.ts";
import { createWaitingRoom } from "./waiting-room.ts";

const task = (name: string | number) => `task_${name}` as TaskId;
const node = (name: string | number) => `node_${name}` as NodeId;

describe("the waiting room", () => {
  test("calls those who wait for a node in the order they came", () => {
    const room = createWaitingRoom();
    room.wait(task("a"), [node(1)]);
    room.wait(task("b"), [node(2)]);
    room.wait(task("c"), [node(1), node(2)]);
    expect([...room.waitingFor(node(1))]).toEqual([task("a"), task("c")]);
    expect([...room.waitingFor(node(2))]).toEqual([task("b"), task("c")]);
    expect([...room.waitingFor(node(3))]).toEqual([]);
    expect([...room.all()]).toEqual([task("a"), task("b"), task("c")]);
  });

  test("keeps the place of one that changes what it waits for", () => {
    const room = createWaitingRoom();
    room.wait(task("a"), [node(1)]);
    room.wait(task("b"), [node(1)]);
    room.wait(task("a"), [node(1), node(2)]);
    expect([...room.waitingFor(node(1))]).toEqual([task("a"), task("b")]);
    expect([...room.all()]).toEqual([task("a"), task("b")]);
    room.wait(task("a"), [node(2)]);
    expect([...room.waitingFor(node(1))]).toEqual([task("b")]);
  });

  test("forgets one that leaves; leaving twice does no harm", () => {
    const room = createWaitingRoom();
    room.wait(task("a"), [node(1)]);
    room.remove(task("a"));
    room.remove(task("a"));
    expect(room.size()).toBe(0);
    expect([...room.waitingFor(node(1))]).toEqual([]);
  });

  test("whatever happens, both views agree", () => {
    const step = fc.record({
      id: fc.nat({ max: 5 }),
      nodes: fc.option(fc.uniqueArray(fc.nat({ max: 4 }), { maxLength: 4 })),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const room = createWaitingRoom();
        const waiting = new Map<TaskId, readonly NodeId[]>();
        for (const { id, nodes } of steps) {
          if (nodes === null) {
            room.remove(task(id));
            waiting.delete(task(id));
          } else {
            room.wait(task(id), nodes.map(node));
            waiting.set(task(id), nodes.map(node));
          }
        }
        expect(room.size()).toBe(waiting.size);
        expect([...room.all()]).toEqual([...waiting.keys()]);
        for (let index = 0; index <= 4; index += 1) {
          const expected = [...waiting].filter(([, nodes]) => nodes.includes(node(index))).map(([id]) => id);
          expect([...room.waitingFor(node(index))].toSorted()).toEqual(expected.toSorted());
        }
      }),
    );
  });
});
