import { afterEach, beforeEach, expect, test } from "bun:test";
import type { PaperNode } from "../../support/paper-node.ts";
import { createQueueWorld, type QueueWorld } from "../../support/queue-world.ts";

let world: QueueWorld;
let node: PaperNode;
beforeEach(async () => {
  world = await createQueueWorld({ nodes: [["one", 1]] });
  const [only] = world.nodes;
  if (only === undefined) throw new Error("the world has a node");
  node = only;
  node.connect(world.now().links);
  await world.settle();
});
afterEach(() => world[Symbol.asyncDispose]());

const held = () => node.journal.filter(({ state }) => state === "held");

async function submit() {
  const live = await world.now().engine.submit(world.message({ timeoutMs: 10_000 }));
  await world.settle();
  return live;
}

test("the time of a queued task does not begin with an offer that was refused", async () => {
  const live = await submit();
  for (const one of held()) node.refuse(one);
  await world.settle();
  node.disconnect();
  await world.elapse(60_000);
  expect(live.task.state).toBe("queued");
  node.connect(world.now().links);
  await world.elapse(1_000);
  expect(held()).toHaveLength(1);
  await world.elapse(8_000);
  expect(live.task.state).toBe("running");
});

test("and bounds the run from the offer that a node took", async () => {
  const live = await submit();
  for (const one of held()) node.refuse(one);
  await world.settle();
  await world.elapse(1_000);
  expect(held()).toHaveLength(1);
  await world.elapse(12_000);
  const [first, second] = live.task.attempts;
  expect(live.task).toMatchObject({ state: "failed", failure: { class: "timeout" } });
  const endsAtMs = (second?.offeredAtMs ?? 0) + 10_000;
  expect(first?.state).toBe("refused");
  expect(Math.abs((live.task.endedAtMs ?? 0) - endsAtMs)).toBeLessThan(100);
  expect(second?.offeredAtMs).toBeGreaterThan((first?.offeredAtMs ?? 0) + 100);
});
