import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { LiveTask } from "../../../src/coordinator/tasks/live-task.ts";
import { maxRetryMs } from "../../../src/coordinator/tasks/task-writer.ts";
import { isTerminal } from "../../../src/domain/tasks/task-machine.ts";
import { createEngineRig, type EngineRig } from "../../support/engine-rig.ts";

let rig: EngineRig;
beforeEach(async () => {
  rig = await createEngineRig();
});
afterEach(() => rig[Symbol.asyncDispose]());

/** Whether anybody could know that the task has ended. */
async function isTold(one: LiveTask): Promise<boolean> {
  const isShown = isTerminal(rig.engine.find(one.id)?.task.state ?? "failed");
  const open = Symbol();
  return isShown || rig.ended.length > 0 || (await Promise.race([one.ended.promise, open])) !== open;
}

/** The disk is full while the task ends, and for a while after. */
async function endOnFullDisk(one: LiveTask, end: () => Promise<void>): Promise<void> {
  rig.setDiskFull(true);
  await end();
  await rig.elapse(1_000);
  expect(await isTold(one)).toBe(false);
  rig.setDiskFull(false);
  await rig.elapse(maxRetryMs);
  const { state } = await one.ended.promise;
  await rig.settle();
  expect(rig.ended).toEqual([state]);
  expect(await rig.stored(one.id)).toMatchObject({ state });
}

describe("an end that the coordinator decides is told to nobody before it is on record:", () => {
  test("the cancel of a task that waits", async () => {
    const one = await rig.engine.submit(rig.queued());
    await endOnFullDisk(one, async () => void rig.engine.cancel(one));
    expect(one.task.state).toBe("cancelled");
  });

  test("of two cancels, neither is answered before, and both after", async () => {
    const one = await rig.engine.submit(rig.queued());
    const states: string[] = [];
    const cancel = () => void rig.engine.cancel(one).then(() => states.push(one.task.state));
    await endOnFullDisk(one, async () => {
      cancel();
      cancel();
    });
    expect(states).toEqual(["cancelled", "cancelled"]);
  });

  test("expiry", async () => {
    const one = await rig.engine.submit(rig.queued({ expiresAtMs: rig.clock.nowMs() + 5_000 }));
    await endOnFullDisk(one, async () => {
      for (let second = 0; second < 6; second += 1) await rig.elapse(1_000);
    });
    expect(one.task.state).toBe("expired");
  });

  test("the end of its time, while it runs too; what its node says then is not lost", async () => {
    const node = await rig.join("one");
    const one = await rig.engine.submit(rig.message({ timeoutMs: 5_000 }));
    await rig.engine.report(one, { kind: "started", attempt: 1 });
    await endOnFullDisk(one, async () => {
      await rig.elapse(5_100);
      const result = { type: "result", task: one.id, attempt: 1, length: 4, text: "done" } as const;
      if (node.link !== null) rig.reports.take(node, node.link, result);
    });
    await rig.settle();
    expect(one.task).toMatchObject({ state: "failed", failure: { class: "timeout" } });
    expect(rig.sent.at(-1)).toBe("cancel 1 at one: timeout");
    expect(rig.events).toContain("attempt.late");
    expect((await rig.stored(one.id))?.attempts).toMatchObject([{ state: "finished", isLateResult: true }]);
  });

  test("a rule that gives it up", async () => {
    const one = await rig.engine.submit(rig.queued({ requires: { gpu: true } }));
    await endOnFullDisk(one, async () => {
      await rig.rules.add({ match: { wildcard: true }, otherwise: "fail" });
    });
    expect(one.task).toMatchObject({ state: "failed", failure: { class: "unroutable" } });
  });

  test("a grace that is over", async () => {
    await rig.join("one");
    const one = await rig.engine.submit(rig.queued());
    await rig.engine.report(one, { kind: "started", attempt: 1 });
    await rig.engine.report(one, { kind: "link_lost", attempt: 1 });
    await endOnFullDisk(one, () => rig.elapse(31_000));
    expect(one.task).toMatchObject({ state: "failed", failure: { class: "outcome_unknown" } });
  });
});

test("a cancel that never reached the disk has not happened after a restart, and nobody was told that it had", async () => {
  const one = await rig.engine.submit(rig.queued({ effects: "safe" }));
  rig.setDiskFull(true);
  void rig.engine.cancel(one);
  await rig.settle();
  expect(await isTold(one)).toBe(false);
  rig.setDiskFull(false);
  await rig.restart();
  await rig.join("one");
  await rig.settle();
  expect(rig.sent).toEqual(["offer 1 to one"]);
});

test("who waits for an end that a damaged database will never take is told so", async () => {
  await rig.join("one");
  const one = await rig.engine.submit(rig.message({ timeoutMs: 5_000 }));
  const waiting = one.ended.promise.catch((error: unknown) => error);
  rig.setDamaged(true);
  await rig.elapse(5_100);
  expect(await waiting).toMatchObject({ code: "STORE_CORRUPT" });
});

test("an outcome that a node reports is told at once: what was done was done", async () => {
  await rig.join("one");
  const one = await rig.engine.submit(rig.message());
  rig.setDiskFull(true);
  void rig.engine.report(one, { kind: "succeeded", attempt: 1, text: "done" });
  await rig.settle();
  expect(await one.ended.promise).toMatchObject({ state: "succeeded" });
  rig.setDiskFull(false);
  await rig.elapse(maxRetryMs);
});
