import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { faultPauseMs } from "../../../src/coordinator/tasks/offering.ts";
import { maxRetryMs } from "../../../src/coordinator/tasks/task-writer.ts";
import { maxWaiting } from "../../../src/coordinator/tasks/waiting-allowance.ts";
import { defaultRetryPolicy } from "../../../src/domain/tasks/retry-policy.ts";
import type { TaskMessage } from "../../../src/domain/tasks/task.ts";
import { createEngineRig, type EngineRig } from "../../support/engine-rig.ts";

let rig: EngineRig;
beforeEach(async () => {
  rig = await createEngineRig();
});
afterEach(() => rig[Symbol.asyncDispose]());

const message = (parts: Partial<TaskMessage> = {}) => rig.message(parts);
const stored = (id: TaskMessage["id"]) => rig.stored(id);
const settle = () => rig.settle();
const elapse = (ms: number) => rig.elapse(ms);

test("an attempt that a damaged database refuses for good is never offered, and its outcome never counts as known", async () => {
  await rig.join("one");
  const live = await rig.engine.submit(message());
  await rig.join("two");
  rig.setDamaged(true);
  await rig.engine.report(live, { kind: "refused", attempt: 1, message: "full" });
  rig.setDamaged(false);
  await elapse(60_000);
  expect(rig.sent).toEqual(["offer 1 to one"]);
  await expect(rig.engine.settled(live.id)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
  expect(await stored(live.id)).toMatchObject({ state: "running", attempts: [{ state: "offered" }] });
});

test("no offer is written whose attempt could not be put on record", async () => {
  const live = await rig.engine.submit(rig.queued());
  rig.setDamaged(true);
  await rig.join("one");
  await elapse(1_000);
  rig.setDamaged(false);
  await elapse(60_000);
  expect(rig.sent).toEqual([]);
  expect(await stored(live.id)).toMatchObject({ state: "queued", attempts: [] });
});

describe("while the disk is full", () => {
  test("new messages are refused and leave nothing behind", async () => {
    const node = await rig.join("one");
    rig.setDiskFull(true);
    await expect(rig.engine.submit(message())).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(node.inFlight).toBe(0);
    expect(rig.engine.size()).toBe(0);
    expect(rig.sent).toEqual([]);
  });

  test("an answer reaches its client at once and the record as soon as there is room; only then it is reported", async () => {
    const node = await rig.join("one");
    const live = await rig.engine.submit(message());
    rig.setDiskFull(true);
    let isReported = false;
    const reporting = rig.engine.report(live, { kind: "succeeded", attempt: 1, text: "done" }).then(() => {
      isReported = true;
    });
    expect((await live.ended.promise).response).toBe("done");
    await elapse(5000);
    expect(isReported).toBe(false);
    expect(await stored(live.id)).toMatchObject({ state: "running" });
    expect(node.inFlight).toBe(1);

    rig.setDiskFull(false);
    await elapse(maxRetryMs);
    await reporting;
    expect(await stored(live.id)).toMatchObject({ state: "succeeded", response: "done" });
    expect(rig.ended).toEqual(["succeeded"]);
    expect(node.inFlight).toBe(0);
  });

  test("a repeat of an outcome is not settled before the outcome is on record", async () => {
    await rig.join("one");
    const live = await rig.engine.submit(message());
    rig.setDiskFull(true);
    void rig.engine.report(live, { kind: "succeeded", attempt: 1, text: "done" });
    await elapse(0);
    let isSettled = false;
    const settling = rig.engine.settled(live.id).then(() => {
      isSettled = true;
    });
    await elapse(2000);
    expect(isSettled).toBe(false);
    rig.setDiskFull(false);
    await elapse(maxRetryMs);
    await settling;
    expect(await stored(live.id)).toMatchObject({ state: "succeeded" });
  });

  test("an accepted message that has to move waits for the disk, and is offered after its commit", async () => {
    const one = await rig.join("one");
    const live = await rig.engine.submit(message());
    await rig.join("two");
    rig.setDiskFull(true);
    void rig.engine.report(live, { kind: "refused", attempt: 1, message: "full" });
    await elapse(2000);
    expect(rig.sent).toEqual(["offer 1 to one"]);
    rig.setDiskFull(false);
    await elapse(maxRetryMs);
    expect(rig.sent).toEqual(["offer 1 to one", "offer 2 to two"]);
    expect(one.inFlight).toBe(0);
    expect(await stored(live.id)).toMatchObject({
      state: "running",
      attempts: [{ state: "refused" }, { number: 2 }],
    });
  });

  test("the changes of one task are recorded in their order, also when only the later one would succeed at once", async () => {
    await rig.join("one");
    const live = await rig.engine.submit(message());
    await rig.join("two");
    rig.setDiskFull(true);
    void rig.engine.report(live, { kind: "refused", attempt: 1, message: "full" });
    await settle();
    rig.setDiskFull(false);
    void rig.engine.cancel(live);
    expect((await Promise.all([live.ended.promise, elapse(300)]))[0].state).toBe("cancelled");
    await elapse(300);
    expect(await stored(live.id)).toMatchObject({ state: "cancelled", attempts: [{ state: "refused" }] });
    expect(rig.ended).toEqual(["cancelled"]);
    expect(rig.sent).toEqual(["offer 1 to one"]);
  });
});

describe("a cancel", () => {
  test("that nobody confirms ends the task after ten seconds, its outcome unknown", async () => {
    const node = await rig.join("one");
    const live = await rig.engine.submit(message());
    void rig.engine.cancel(live);
    await settle();
    await elapse(9900);
    expect(rig.ended).toEqual([]);
    await elapse(200);
    expect(await live.ended.promise).toMatchObject({
      state: "cancelled",
      failure: { class: "outcome_unknown" },
    });
    expect(rig.sent).toEqual(["offer 1 to one", "cancel 1 at one: cancelled"]);
    expect(node.inFlight).toBe(0);
  });

  test("keeps its ten seconds when the link is lost meanwhile", async () => {
    await rig.join("one");
    const live = await rig.engine.submit(message());
    void rig.engine.cancel(live);
    await settle();
    await rig.engine.report(live, { kind: "link_lost", attempt: 1 });
    await elapse(10_100);
    expect((await live.ended.promise).state).toBe("cancelled");
  });

  test("of a message that ends at the same moment ends it once", async () => {
    await rig.join("one");
    const live = await rig.engine.submit(message());
    const failure = {
      class: "runtime_error",
      kind: "overloaded",
      message: "busy",
      nothing_done: true,
    } as const;
    void rig.engine.report(live, { kind: "failed", attempt: 1, failure });
    const cancelled = rig.engine.cancel(live);
    await elapse(60_000);
    await cancelled;
    expect(rig.ended).toEqual(["cancelled"]);
    expect(await stored(live.id)).toMatchObject({ state: "cancelled" });
    expect(rig.sent).toEqual(["offer 1 to one"]);
  });
});

test("a fault while a task takes an event stays with that task", async () => {
  await rig.join("one");
  const live = await rig.engine.submit(message());
  Object.freeze(rig.sent); // the link now throws at whatever is written to it
  expect(await rig.engine.report(live, { kind: "cancel_requested" })).toBe(false);
  expect(await rig.engine.report(live, { kind: "stopped", attempt: 1 })).toBe(true);
  expect(rig.ended).toEqual(["cancelled"]);
});

describe("a fault", () => {
  test("in deciding a task whose time has come keeps it only for a while", async () => {
    await rig.join("one");
    const live = await rig.engine.submit(rig.queued({ notBeforeMs: rig.clock.nowMs() + 1_000 }));
    rig.setRouterBroken(true);
    await elapse(2_000);
    await elapse(2_000);
    rig.setRouterBroken(false);
    expect(rig.sent).toEqual([]);
    await elapse(faultPauseMs);
    expect(rig.sent).toEqual(["offer 1 to one"]);
    expect(live.node?.inFlight).toBe(1);
  });

  test("in deciding a task that waits does not take the slot that it waits for", async () => {
    const node = await rig.join("one", { slots: 1 });
    const first = await rig.engine.submit(rig.queued());
    await rig.engine.submit(rig.queued());
    rig.setRouterBroken(true);
    await rig.engine.report(first, { kind: "succeeded", attempt: 1, text: "done" });
    await settle();
    expect(node.inFlight).toBe(0);
    rig.setRouterBroken(false);
    await elapse(faultPauseMs);
    expect(rig.sent).toEqual(["offer 1 to one", "offer 1 to one"]);
  });

  test("in writing an offer is taken for a link that was lost with it", async () => {
    await rig.join("one");
    Object.freeze(rig.sent); // the link now throws at whatever is written to it
    const live = await rig.engine.submit(message());
    await elapse(31_000);
    expect(await live.ended.promise).toMatchObject({
      state: "failed",
      failure: { class: "outcome_unknown" },
    });
  });
});

test("a slot is given back when the offer that it was for never got on record", async () => {
  const live = await rig.engine.submit(rig.queued());
  rig.setDamaged(true);
  const node = await rig.join("one");
  await settle();
  expect(node.inFlight).toBe(0);
  expect(await stored(live.id)).toMatchObject({ state: "queued" });
});

describe("a node that is gone", () => {
  test("and is removed while it has no link is waited for no longer", async () => {
    const node = await rig.join("one");
    const live = await rig.engine.submit(message());
    await rig.engine.report(live, { kind: "started", attempt: 1 });
    rig.registry.setOffline(node, "closed");
    await rig.engine.report(live, { kind: "link_lost", attempt: 1 });
    await rig.registry.hide(node, true);
    await settle();
    expect(await live.ended.promise).toMatchObject({
      failure: { class: "outcome_unknown", message: expect.stringContaining("removed") },
    });
  });

  test("with a goodbye holds the slots of what it ran, also after a restart", async () => {
    const node = await rig.join("one");
    const { id } = await rig.engine.submit(rig.queued());
    await settle();
    rig.registry.setOffline(node, "closed");
    await rig.registry.hide(node, false);
    await rig.restart();
    const live = rig.engine.find(id);
    expect(live?.node).toMatchObject({ id: node.id, inFlight: 1 });
    if (live !== null) await rig.engine.report(live, { kind: "succeeded", attempt: 1, text: "done" });
    expect(rig.registry.findKnown("one")?.inFlight).toBe(0);
  });
});

describe("a lost link", () => {
  test("ends an unsafe message after thirty seconds with its outcome unknown", async () => {
    await rig.join("one");
    const live = await rig.engine.submit(message());
    await rig.engine.report(live, { kind: "link_lost", attempt: 1 });
    await elapse(29_900);
    expect(rig.ended).toEqual([]);
    await elapse(200);
    expect(await live.ended.promise).toMatchObject({
      state: "failed",
      failure: { class: "outcome_unknown" },
    });
  });

  test("between the commit of an offer and its writing leaves no grace behind when the link is back", async () => {
    await rig.join("one", { slots: 1 });
    const first = await rig.engine.submit(message());
    const second = await rig.engine.submit(message({ effects: "safe" }));
    void rig.engine.report(first, { kind: "succeeded", attempt: 1, text: "1" });
    while (second.task.state !== "running") await Promise.resolve().then(settleOnce);
    void rig.engine.report(second, { kind: "link_lost", attempt: 1 });
    await settle();
    expect(rig.sent).toEqual(["offer 1 to one", "offer 1 to one"]);
    await elapse(1000);
    expect(second.task.attempts).toMatchObject([{ state: "offered" }]);
  });
});

const settleOnce = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("waiting", () => {
  test("beyond the limit is refused, and possible again when one has gone", async () => {
    const node = await rig.join("one", { slots: 1 });
    const running = await rig.engine.submit(message());
    await Promise.all(Array.from({ length: maxWaiting }, () => rig.engine.submit(message())));
    await expect(rig.engine.submit(message())).rejects.toMatchObject({ code: "QUEUE_FULL" });
    expect(node.inFlight).toBe(1);
    await rig.engine.report(running, { kind: "succeeded", attempt: 1, text: "1" });
    await settle();
    expect(rig.sent).toHaveLength(2);
    expect(rig.engine.size()).toBe(maxWaiting);
    await rig.engine.submit(message());
  });

  test("is not missed by a slot that gets free while the message is being committed", async () => {
    await rig.join("one", { slots: 1 });
    const running = await rig.engine.submit(message());
    // Decided when the answer is on record and its slot not yet given back, so that its own commit is a later one.
    const accepted = Promise.withResolvers<void>();
    rig.afterNextChange(() => accepted.resolve(rig.engine.submit(message()).then(() => undefined)));
    await rig.engine.report(running, { kind: "succeeded", attempt: 1, text: "1" });
    await accepted.promise;
    await settle();
    expect(rig.sent).toEqual(["offer 1 to one", "offer 1 to one"]);
  });

  test("for a node that stays away ends after thirty seconds, with what would help", async () => {
    const node = await rig.join("one", { slots: 1 });
    const running = await rig.engine.submit(message());
    const waiting = await rig.engine.submit(message());
    await settle();
    rig.registry.setOffline(node, "closed");
    await elapse(29_000);
    expect(rig.engine.size()).toBe(2);
    await elapse(1100);
    expect(await waiting.ended.promise).toMatchObject({ state: "failed", failure: { class: "unroutable" } });
    expect(rig.engine.find(running.id)).not.toBeNull();
  });
});

describe("while a node waits for its lost gateway", () => {
  test("a safe message moves after half a second, and the run that was lost is superseded", async () => {
    const first = await rig.join("one");
    const live = await rig.engine.submit(message({ effects: "safe" }));
    await rig.join("two");
    rig.engine.setRecovering(live, true);
    await elapse(400);
    expect(rig.sent).toEqual(["offer 1 to one"]);
    await elapse(200);
    expect(rig.sent).toEqual(["offer 1 to one", "cancel 1 at one: superseded", "offer 2 to two"]);
    expect(first.inFlight).toBe(0);
  });

  test("a safe message stays where no other node can take it, until one can", async () => {
    await rig.join("one");
    const live = await rig.engine.submit(message({ effects: "safe" }));
    rig.engine.setRecovering(live, true);
    await elapse(5000);
    expect(rig.sent).toEqual(["offer 1 to one"]);
    await rig.join("two");
    await elapse(600);
    expect(rig.sent.at(-1)).toBe("offer 2 to two");
  });

  test.each([
    ["that has no tries left", { ...defaultRetryPolicy, maxAttempts: 1 }],
    [
      "that is not to be tried again when it was lost",
      { ...defaultRetryPolicy, on: new Set(["internal"] as const) },
    ],
  ])("a safe message %s stays as an unsafe one does, though another node is free", async (_, retry) => {
    await rig.join("one");
    const live = await rig.engine.submit(message({ effects: "safe", retry }));
    await rig.join("two");
    rig.engine.setRecovering(live, true);
    await elapse(60_000);
    rig.engine.setRecovering(live, false);
    await rig.engine.report(live, { kind: "link_lost", attempt: 1 });
    await elapse(20_000);
    await rig.engine.report(live, { kind: "succeeded", attempt: 1, text: "done" });
    expect(await live.ended.promise).toMatchObject({ state: "succeeded" });
    expect(rig.sent).toEqual(["offer 1 to one"]);
  });

  test("a message whose gateway is back stays, and so does an unsafe one", async () => {
    await rig.join("one");
    const back = await rig.engine.submit(message({ effects: "safe" }));
    const unsafe = await rig.engine.submit(message());
    await rig.join("two");
    for (const live of [back, unsafe]) rig.engine.setRecovering(live, true);
    await elapse(300);
    rig.engine.setRecovering(back, false);
    await elapse(60_000);
    expect(rig.sent).toEqual(["offer 1 to one", "offer 1 to one"]);
  });

  test("an unsafe message whose time ends meanwhile ends with its outcome unknown", async () => {
    await rig.join("one");
    const live = await rig.engine.submit(message({ timeoutMs: 9000 }));
    rig.engine.setRecovering(live, true);
    await elapse(9100);
    expect(await live.ended.promise).toMatchObject({
      state: "failed",
      failure: { class: "outcome_unknown" },
    });
  });
});
