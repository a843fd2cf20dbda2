import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { LiveTask } from "../../../src/coordinator/tasks/live-task.ts";
import { maxRefusalRestMs, refusalPauses } from "../../../src/coordinator/tasks/patience.ts";
import { maxOffers } from "../../../src/domain/tasks/retry-policy.ts";
import type { TaskMessage } from "../../../src/domain/tasks/task.ts";
import { createEngineRig, type EngineRig } from "../../support/engine-rig.ts";
import { readyRuntime } from "../../support/fake-node.ts";

let rig: EngineRig;
beforeEach(async () => {
  rig = await createEngineRig();
});
afterEach(() => rig[Symbol.asyncDispose]());

const submit = (content: string, parts: Partial<TaskMessage> = {}) =>
  rig.engine.submit(rig.queued({ content, ...parts }));

/** The node does not take the newest offer. */
async function refuse(one: LiveTask): Promise<void> {
  await rig.engine.report(one, { kind: "refused", attempt: one.task.attempts.length, message: "full" });
  await rig.settle();
}

/** Days of the mesh pass in seconds here; a busy machine takes longer than a test usually may. */
const daysLimitMs = 30_000;

describe("a queued task that a node goes on refusing", () => {
  test(
    "asks less and less often, and at last ends with the reason",
    async () => {
      await rig.join("one");
      const one = await submit("x");
      const beganAtMs = rig.clock.nowMs();
      let inFirstHour = 0;
      while (one.task.state !== "failed" && one.task.attempts.length <= maxOffers) {
        await refuse(one);
        if (rig.clock.nowMs() - beganAtMs < 3_600_000) inFirstHour += 1;
        for (let waitedMs = 0; one.task.state === "queued" && waitedMs <= refusalPauses.maxDelayMs; ) {
          await rig.elapse(30_000);
          waitedMs += 30_000;
        }
      }
      expect(inFirstHour).toBeLessThan(20);
      expect(one.task).toMatchObject({
        state: "failed",
        failure: { class: "refused", message: expect.stringContaining(`${maxOffers} times`) },
      });
      expect((await rig.stored(one.id))?.attempts).toHaveLength(maxOffers);
      expect(rig.clock.nowMs() - beganAtMs).toBeGreaterThan(4 * 24 * 3_600_000);
    },
    daysLimitMs,
  );

  test("is woken by a run that ends there, but not as soon as it was refused", async () => {
    const node = await rig.join("one", { slots: 3 });
    const long = { timeoutMs: 7 * 24 * 3_600_000 };
    const [first, second] = [await submit("first", long), await submit("second", long)];
    const one = await submit("x");
    for (let refusals = 0; refusals < 9; refusals += 1) {
      await refuse(one);
      await rig.elapse(refusalPauses.maxDelayMs);
    }
    await refuse(one);
    const offers = rig.sent.length;
    await rig.elapse(1_000);
    await rig.engine.report(first, { kind: "succeeded", attempt: 1, text: "done" });
    await rig.settle();
    expect(rig.sent).toHaveLength(offers);
    await rig.elapse(maxRefusalRestMs);
    expect(rig.sent).toHaveLength(offers + 1);
    await refuse(one);
    await rig.elapse(maxRefusalRestMs);
    expect(rig.sent).toHaveLength(offers + 1);
    await rig.engine.report(second, { kind: "succeeded", attempt: 1, text: "done" });
    await rig.settle();
    expect(rig.sent).toHaveLength(offers + 2);
    expect(node.inFlight).toBe(1);
  });

  test("is woken by the node getting ready within its rest, and not minutes later", async () => {
    const node = await rig.join("one", { slots: 1 });
    const one = await submit("x");
    for (let refusals = 0; refusals < 9; refusals += 1) {
      await refuse(one);
      await rig.elapse(refusalPauses.maxDelayMs);
    }
    await refuse(one);
    const offers = rig.sent.length;
    rig.registry.setNotReady(node, "its gateway starts again");
    await rig.elapse(5_000);
    rig.registry.setSeen(node, { slots: 1, runtimes: [readyRuntime] });
    await rig.elapse(maxRefusalRestMs);
    expect(rig.sent).toHaveLength(offers + 1);
  });

  test("is like any other once a node has taken it", async () => {
    const node = await rig.join("one", { slots: 1 });
    const one = await submit("x");
    await rig.settle();
    const full = { type: "refuse", task: one.id, attempt: 1, reason: "full", message: "full" } as const;
    if (node.link !== null) rig.reports.take(node, node.link, full);
    await rig.settle();
    await rig.elapse(refusalPauses.baseDelayMs + 50);
    await rig.engine.report(one, { kind: "started", attempt: 2 });
    const failure = { class: "runtime_error", kind: "overloaded", message: "", nothing_done: true } as const;
    await rig.engine.report(one, { kind: "failed", attempt: 2, failure });
    await submit("another");
    await rig.elapse(1_000);
    expect(rig.offered).toEqual(["x", "x", "another"]);
    const decisions = rig.decisions();
    await rig.elapse(60_000);
    expect(rig.decisions()).toBe(decisions);
  });

  test("goes at once to another that joins", async () => {
    await rig.join("one");
    const one = await submit("x");
    await refuse(one);
    await rig.join("two");
    await rig.settle();
    expect(rig.sent).toEqual(["offer 1 to one", "offer 2 to two"]);
  });
});

test("a task whose runtime refuses it does not go to the same node as fast as it can", async () => {
  await rig.join("one");
  const one = await submit("x");
  const failure = { class: "refused", message: "not here" } as const;
  await rig.engine.report(one, { kind: "failed", attempt: 1, failure });
  await rig.settle();
  expect(rig.sent).toEqual(["offer 1 to one"]);
  await rig.elapse(refusalPauses.baseDelayMs + 50);
  expect(rig.sent).toEqual(["offer 1 to one", "offer 2 to one"]);
});

test("a task that its only node has lost twice is offered there again", async () => {
  await rig.join("one");
  const one = await submit("x", { effects: "safe" });
  const loss = { kind: "lost", fenced: true, reason: "gone" } as const;
  await rig.engine.report(one, { kind: "started", attempt: 1 });
  await rig.engine.report(one, { ...loss, attempt: 1, started: true });
  await rig.settle();
  await rig.engine.report(one, { kind: "started", attempt: 2 });
  await rig.engine.report(one, { ...loss, attempt: 2, started: false });
  await rig.settle();
  await rig.elapse(refusalPauses.baseDelayMs + 50);
  expect(rig.sent.at(-1)).toBe("offer 3 to one");
});
