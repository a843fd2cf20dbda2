import { afterEach, beforeEach, expect, test } from "bun:test";
import type { LiveTask } from "../../../src/coordinator/tasks/live-task.ts";
import type { TaskMessage } from "../../../src/domain/tasks/task.ts";
import { createEngineRig, type EngineRig } from "../../support/engine-rig.ts";

let rig: EngineRig;
beforeEach(async () => {
  rig = await createEngineRig();
});
afterEach(() => rig[Symbol.asyncDispose]());

const submit = (content: string, parts: Partial<TaskMessage> = {}) =>
  rig.engine.submit(rig.queued({ content, session: "s", ...parts }));
const answer = (one: LiveTask) =>
  rig.engine.report(one, { kind: "succeeded", attempt: one.task.attempts.length, text: "" });

test("all tasks of a conversation whose node is gone go on with another, not only the first", async () => {
  const gone = await rig.join("gone", { slots: 1 });
  const busy = await submit("busy", { session: null });
  await rig.settle();
  const running = await submit("running");
  const [first, second, third] = [await submit("first"), await submit("second"), await submit("third")];
  await answer(busy);
  await rig.settle();
  expect(rig.offered).toEqual(["busy", "running"]);
  await rig.join("other", { slots: 1 });
  rig.registry.setOffline(gone, "gone");
  await rig.engine.report(running, { kind: "link_lost", attempt: 1 });
  for (let second = 0; second < 35; second += 1) await rig.elapse(1_000);
  expect(rig.offered).toEqual(["busy", "running", "first"]);
  await answer(first);
  await rig.settle();
  await answer(second);
  await rig.settle();
  expect(rig.offered).toEqual(["busy", "running", "first", "second", "third"]);
  await answer(third);
});

test("tasks that came when the node of their conversation was away already go on with those that waited before", async () => {
  const gone = await rig.join("gone", { slots: 1 });
  const running = await submit("running");
  await rig.settle();
  await submit("first");
  rig.registry.setOffline(gone, "gone");
  await rig.settle();
  await rig.join("other", { slots: 4 });
  await rig.elapse(10_000);
  await submit("late");
  for (let second = 0; second < 60; second += 1) await rig.elapse(1_000);
  expect(rig.offered.slice(1).sort()).toEqual(["first", "late"]);
  expect(running.task.state).toBe("running");
});

test.each([-3_600_000, 3_600_000])(
  "a conversation waits thirty seconds for its node, though the clock on the wall was set by %i ms",
  async (byMs) => {
    const gone = await rig.join("gone", { slots: 1 });
    await answer(await submit("before"));
    await rig.settle();
    await rig.join("other", { slots: 4 });
    rig.registry.setOffline(gone, "gone");
    await submit("after");
    rig.clock.skipWall(byMs);
    for (let second = 0; second < 29; second += 1) await rig.elapse(1_000);
    expect(rig.offered).toEqual(["before"]);
    for (let second = 0; second < 3; second += 1) await rig.elapse(1_000);
    expect(rig.offered).toEqual(["before", "after"]);
  },
);
