import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createFairQueue, type FairQueue, isAhead, liftEveryMs } from "./fair-queue.ts";

const group = {};

/** A queue that numbers what it is given. */
function create() {
  const queue = createFairQueue<string>();
  let arrival = 0;
  const add = (
    id: string,
    parts: { lane?: string; source?: string; priority?: number; sinceMs?: number } = {},
  ) => {
    arrival += 1;
    const { lane = "lane", source = "one", priority = 5, sinceMs = 0 } = parts;
    queue.add(lane, group, { id, source, priority, arrival, sinceMs });
  };
  return { queue, add };
}

/** Serves the lane until it is empty, or so many times. */
function serve(queue: FairQueue<string>, options: { lane?: string; nowMs?: number; times?: number } = {}) {
  const { lane = "lane", nowMs = 0, times = Number.POSITIVE_INFINITY } = options;
  const served: string[] = [];
  while (served.length < times) {
    const head = queue.head(lane, nowMs);
    if (head === null) break;
    queue.take(head.id, nowMs);
    served.push(head.id);
  }
  return served;
}

describe("whose turn it is", () => {
  test("is that of the one that came first, from one source", () => {
    const { queue, add } = create();
    for (const id of ["a", "b", "c"]) add(id);
    expect(serve(queue)).toEqual(["a", "b", "c"]);
    expect(queue.size()).toBe(0);
    expect(queue.head("lane", 0)).toBeNull();
  });

  test("is that of the highest priority", () => {
    const { queue, add } = create();
    for (const priority of [0, 9, 5, 9, 1]) add(`${priority} ${queue.size()}`, { priority });
    expect(serve(queue)).toEqual(["9 1", "9 3", "5 2", "1 4", "0 0"]);
  });

  test("goes round the sources: 5,000 tasks of one do not keep three of another waiting", () => {
    const { queue, add } = create();
    for (let index = 0; index < 5_000; index += 1) add(`crowd ${index}`, { source: "crowd" });
    expect(serve(queue, { times: 100 })).toHaveLength(100);
    for (let index = 0; index < 3; index += 1) add(`few ${index}`, { source: "few" });
    const next = serve(queue, { times: 6 });
    expect(next.filter((id) => id.startsWith("few"))).toEqual(["few 0", "few 1", "few 2"]);
  });

  test("is not changed by what a source took back", () => {
    const { queue, add } = create();
    for (let index = 0; index < 100; index += 1) add(`gone ${index}`, { source: "fickle" });
    for (let index = 0; index < 100; index += 1) queue.remove(`gone ${index}`);
    add("steady", { source: "steady" });
    add("back", { source: "fickle" });
    expect(serve(queue)).toEqual(["steady", "back"]);
  });

  test("comes round the same over several lanes that wait for the same nodes", () => {
    const { queue, add } = create();
    for (let index = 0; index < 10; index += 1) add(`crowd ${index}`, { lane: `${index}`, source: "crowd" });
    add("few", { lane: "few", source: "few" });
    const order = ["few", ...Array.from({ length: 10 }, (_, index) => `${index}`)]
      .map((lane) => queue.head(lane, 0))
      .filter((head) => head !== null)
      .sort((left, right) => (isAhead(left, right) ? -1 : 1));
    expect(order.slice(0, 2).map(({ id }) => id)).toEqual(["crowd 0", "few"]);
  });
});

describe("waiting", () => {
  test("lifts the least urgent over a stream of the most urgent", () => {
    const { queue, add } = create();
    add("low", { priority: 0, sinceMs: 0 });
    const nineLevelsMs = 9 * liftEveryMs;
    add("high", { priority: 9, sinceMs: nineLevelsMs });
    expect(queue.head("lane", nineLevelsMs)?.id).toBe("high");
    expect(queue.head("lane", nineLevelsMs + liftEveryMs - 1)?.id).toBe("high");
    add("new", { priority: 9, sinceMs: nineLevelsMs + liftEveryMs });
    queue.remove("high");
    expect(queue.head("lane", nineLevelsMs + liftEveryMs)?.id).toBe("low");
  });

  test("lifts one of a crowd at a time, so that urgent ones do not wait behind all of it", () => {
    const { queue, add } = create();
    for (let index = 0; index < 100; index += 1) add(`low ${index}`, { priority: 0, sinceMs: 0 });
    const nowMs = 20 * liftEveryMs;
    add("urgent", { priority: 9, sinceMs: nowMs });
    expect(serve(queue, { nowMs, times: 3 })).toEqual(["low 0", "urgent", "low 1"]);
  });

  test("never lasts for ever, whatever comes: everything is served while urgent tasks keep coming", () => {
    const { queue, add } = create();
    for (let priority = 0; priority < 9; priority += 1) add(`waits ${priority}`, { priority });
    const left = new Set(Array.from({ length: 9 }, (_, priority) => `waits ${priority}`));
    let nowMs = 0;
    for (let turn = 0; turn < 2_000 && left.size > 0; turn += 1) {
      nowMs += 1_000;
      add(`urgent ${turn}`, { priority: 9, source: `${turn}`, sinceMs: nowMs });
      for (const id of serve(queue, { nowMs, times: 1 })) left.delete(id);
    }
    expect([...left]).toEqual([]);
  });
});

test("one that is there cannot be added again, and removing what is not there does no harm", () => {
  const { queue, add } = create();
  add("a");
  expect(() => add("a")).toThrow(RangeError);
  queue.remove("b");
  queue.take("b", 0);
  expect(queue.size()).toBe(1);
  expect(queue.laneOf("a")).toBe("lane");
  expect(queue.laneOf("b")).toBeNull();
});

const step = fc.record({
  kind: fc.constantFrom("add", "add", "add", "serve", "remove", "move"),
  lane: fc.nat({ max: 3 }),
  source: fc.nat({ max: 4 }),
  priority: fc.nat({ max: 9 }),
  pick: fc.nat({ max: 50 }),
  laterMs: fc.nat({ max: 2 * liftEveryMs }),
});

test("whatever happens, nothing is lost and nothing is there twice", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const queue = createFairQueue<number>();
      const groups = [{}, {}, {}, {}];
      const model = new Map<number, string>();
      let nowMs = 0;
      for (const [index, { kind, lane, source, priority, pick, laterMs }] of steps.entries()) {
        nowMs += laterMs;
        const key = `${lane}`;
        const known = [...model.keys()][pick % Math.max(1, model.size)];
        const item = { source: `${source}`, priority, arrival: index, sinceMs: nowMs };
        if (kind === "add") {
          queue.add(key, groups[lane] ?? {}, { ...item, id: index });
          model.set(index, key);
        } else if (kind === "serve") {
          const head = queue.head(key, nowMs);
          expect(head === null).toBe(![...model.values()].includes(key));
          if (head === null) continue;
          expect(model.get(head.id)).toBe(key);
          queue.take(head.id, nowMs);
          model.delete(head.id);
        } else if (known !== undefined) {
          queue.remove(known);
          model.delete(known);
          if (kind === "remove") continue;
          queue.add(key, groups[lane] ?? {}, { ...item, id: known });
          model.set(known, key);
        }
        expect(queue.size()).toBe(model.size);
        for (let each = 0; each < 4; each += 1) {
          const expected = [...model].filter(([, at]) => at === `${each}`).map(([id]) => id);
          expect(
            queue
              .inLane(`${each}`)
              .map(({ id }) => id)
              .sort((a, b) => a - b),
          ).toEqual(expected.sort((a, b) => a - b));
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("while several sources wait, none gets more than one turn more than another", () => {
  const amounts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 2, maxLength: 6 });
  fc.assert(
    fc.property(amounts, (counts) => {
      const { queue, add } = create();
      counts.forEach((count, source) => {
        for (let index = 0; index < count; index += 1) add(`${source} ${index}`, { source: `${source}` });
      });
      const turns = counts.map(() => 0);
      for (const id of serve(queue, { times: Math.min(...counts) * counts.length })) {
        const source = Number(id.split(" ")[0]);
        turns[source] = (turns[source] ?? 0) + 1;
        expect(Math.max(...turns) - Math.min(...turns)).toBeLessThanOrEqual(1);
      }
    }),
  );
});
