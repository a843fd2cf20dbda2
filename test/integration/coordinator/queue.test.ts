import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { LiveTask } from "../../../src/coordinator/tasks/live-task.ts";
import { waitingText } from "../../../src/coordinator/tasks/task-info.ts";
import { maxWaiting } from "../../../src/coordinator/tasks/waiting-allowance.ts";
import { sessionGraceMs } from "../../../src/domain/routing/index.ts";
import { defaultRetryPolicy } from "../../../src/domain/tasks/retry-policy.ts";
import type { TaskMessage } from "../../../src/domain/tasks/task.ts";
import type { Failure } from "../../../src/protocol/failure.ts";
import type { TaskId } from "../../../src/protocol/ids.ts";
import { toIsoTime } from "../../../src/protocol/iso-time.ts";
import { createEngineRig, type EngineRig } from "../../support/engine-rig.ts";
import { readyRuntime } from "../../support/fake-node.ts";

let rig: EngineRig;
beforeEach(async () => {
  rig = await createEngineRig();
});
afterEach(() => rig[Symbol.asyncDispose]());

const submit = (content: string, parts: Partial<TaskMessage> = {}) =>
  rig.engine.submit(rig.queued({ content, ...parts }));
const answer = (one: LiveTask, attempt = 1) =>
  rig.engine.report(one, { kind: "succeeded", attempt, text: `did ${one.task.message.content}` });
const overloaded: Failure = {
  class: "runtime_error",
  kind: "overloaded",
  message: "busy",
  nothing_done: true,
};
const waitsFor = (id: TaskId) => {
  const task = rig.engine.find(id)?.task;
  return task === undefined ? null : waitingText(task, rig.clock.nowMs());
};

describe("a queued task", () => {
  test("waits while there is no node at all, says for what, and goes to the one that joins", async () => {
    const one = await submit("x");
    expect(one.task.state).toBe("queued");
    expect(waitsFor(one.id)).toBe("a node; no online nodes available");
    await rig.elapse(3_600_000);
    expect(rig.ended).toEqual([]);
    await rig.join("one");
    await rig.settle();
    expect(rig.sent).toEqual(["offer 1 to one"]);
  });

  test("says which node it waits for, also after a restart, and goes when that returns", async () => {
    await rig.join("mac", { capabilities: { os: "darwin" } });
    await rig.join("pc");
    await rig.restart();
    const one = await submit("x", { requires: { os: "darwin" } });
    expect(waitsFor(one.id)).toContain("mac has it, offline");
    await rig.restart();
    expect(waitsFor(one.id)).toContain("mac has it, offline");
    await rig.relink("pc");
    await rig.settle();
    expect(rig.sent).toEqual([]);
    await rig.relink("mac");
    await rig.settle();
    expect(rig.sent).toEqual(["offer 1 to mac"]);
  });

  test("tells of nodes that are there and do not fit, also when they came after it began to wait", async () => {
    await rig.join("mac", { capabilities: { os: "darwin" } });
    await rig.join("pc");
    const one = await submit("x", { requires: { gpu: true } });
    await rig.restart();
    expect(waitsFor(one.id)).toContain("no online nodes available");
    await rig.relink("pc");
    await rig.relink("mac");
    await rig.elapse(1_000);
    expect(waitsFor(one.id)).toBe("a node with gpu; none is there");
    const decision = rig.engine.find(one.id)?.task.decision;
    await rig.elapse(60_000);
    expect(rig.engine.find(one.id)?.task.decision).toBe(decision ?? null);
  });

  test("tells what it waits for now, not what the first of its kind waited for", async () => {
    const node = await rig.join("one", { slots: 1 });
    await submit("runs");
    const tasks = await Promise.all(["a", "b", "c"].map((content) => submit(content)));
    expect(tasks.map(({ id }) => waitsFor(id))).toEqual(Array(3).fill("a free slot on one"));
    rig.registry.setOffline(node, "closed");
    await rig.settle();
    for (const { id } of tasks) expect(waitsFor(id)).toContain("one is offline");
  });

  test("tells of a node that fits and cannot serve as soon as it joins, and so do those that wait for the same", async () => {
    const gpu = { requires: { gpu: true } } as const;
    const tasks = await Promise.all(["a", "b"].map((content) => submit(content, gpu)));
    const plain = await submit("plain", { requires: { os: "darwin" } });
    const node = await rig.join("box", {
      capabilities: { gpu: true },
      runtimes: [{ ...readyRuntime, ready: false, reason: "it starts" }],
    });
    await rig.settle();
    for (const { id } of tasks) expect(waitsFor(id)).toContain("box has it, not ready");
    expect(waitsFor(plain.id)).not.toContain("box");
    await rig.registry.patch(node, { scheduling: "cordoned" });
    rig.registry.setStatus(node, {
      type: "status",
      load: { in_flight: 0, cpu: 0, memory: 0 },
      slots: 4,
      runtimes: [readyRuntime],
      recovering: [],
    });
    await rig.settle();
    for (const { id } of tasks) expect(waitsFor(id)).toContain("box has it, cordoned");
    await rig.registry.patch(node, { scheduling: "active" });
    await rig.settle();
    expect(rig.sent).toEqual(["offer 1 to box", "offer 1 to box"]);
  });

  test("that comes to a crowd is recorded with what the crowd was told a moment ago", async () => {
    const ids: TaskId[] = [];
    for (const pauseMs of [0, 400, 1_000]) {
      await rig.elapse(pauseMs);
      ids.push((await submit("x")).id);
      await rig.settle();
    }
    const records = await Promise.all(ids.map((id) => rig.stored(id)));
    const [first, second, third] = records.map((task) => task?.decision?.decided_at);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  test("to a node that is unknown is refused, to one that is away it waits", async () => {
    await expect(submit("x", { target: "nobody" })).rejects.toMatchObject({ code: "NODE_NOT_FOUND" });
    const node = await rig.join("one");
    rig.registry.setOffline(node, "closed");
    const one = await submit("x", { target: "one" });
    await rig.elapse(60_000);
    expect(one.task.state).toBe("queued");
    await rig.relink("one");
    await rig.settle();
    expect(rig.sent).toEqual(["offer 1 to one"]);
  });

  test("to a node that has left waits for it, says so, and goes when it is back; a synchronous message does not", async () => {
    const node = await rig.join("mac");
    await rig.registry.hide(node, false);
    rig.registry.setOffline(node, "goodbye");
    const leftAt = toIsoTime(rig.clock.nowMs());
    await rig.elapse(sessionGraceMs + 1_000);
    await rig.join("other");
    const one = await submit("x", { target: "mac" });
    expect(waitsFor(one.id)).toBe("the target mac, offline for 31 s");
    expect(one.task.decision?.refused.named).toMatchObject([
      { name: "mac", reason: "offline", detail: `it left the mesh at ${leftAt}` },
      { name: "other", reason: "not_target" },
    ]);
    const now = rig.engine.submit(rig.message({ target: "mac" }));
    await expect(now).rejects.toMatchObject({ code: "NODE_OFFLINE", message: "Node mac has left the mesh." });
    await rig.join("mac");
    await rig.settle();
    expect(rig.sent).toEqual(["offer 1 to mac"]);
  });

  test("to a node that was removed is refused", async () => {
    const node = await rig.join("mac");
    rig.registry.setOffline(node, "closed");
    await rig.registry.hide(node, true);
    await expect(submit("x", { target: "mac" })).rejects.toMatchObject({ code: "NODE_NOT_FOUND" });
  });

  test("ends where the rule says so", async () => {
    await rig.rules.add({ match: { requires_gpu: true }, otherwise: "fail" });
    await rig.join("plain");
    const one = await submit("x", { requires: { gpu: true } });
    await rig.settle();
    expect(await one.ended.promise).toMatchObject({ state: "failed", failure: { class: "unroutable" } });
  });

  test("is on disk for good when it is accepted, and known to who repeats its key", async () => {
    const key = { idempotencyKey: "k", bodyHash: "h" };
    const one = await submit("x", key);
    expect(await rig.stored(one.id)).toMatchObject({ state: "queued" });
    expect(await submit("x", key)).toBe(one);
    await rig.restart();
    expect((await submit("x", key)).id).toBe(one.id);
    expect(rig.engine.size()).toBe(1);
  });

  test("is decided anew when its node drains, and the one that runs there goes on", async () => {
    const first = await rig.join("first", { slots: 1 });
    const runs = await submit("runs");
    const waits = await submit("waits");
    const idle = await rig.join("idle", { capabilities: { os: "darwin" } });
    await rig.settle();
    expect(rig.sent).toEqual(["offer 1 to first", "offer 1 to idle"]);
    const bound = await submit("bound", { target: "first" });
    await rig.registry.patch(first, { scheduling: "draining" });
    await rig.settle();
    expect(waitsFor(bound.id)).toContain("draining");
    expect(runs.task.state).toBe("running");
    await answer(runs);
    await rig.settle();
    expect(bound.task.state).toBe("queued");
    expect(idle.inFlight).toBe(1);
    expect(waits.task.state).toBe("running");
  });

  test("whose every node refuses it waits, and asks again in its own time", async () => {
    await rig.join("one");
    const one = await submit("x", { retry: { ...defaultRetryPolicy, maxAttempts: 1 } });
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      await rig.engine.report(one, { kind: "refused", attempt, message: "not now" });
      await rig.settle();
      expect(one.task).toMatchObject({ state: "queued" });
      expect(rig.sent).toHaveLength(attempt);
      await rig.elapse(30_100);
      expect(rig.sent).toHaveLength(attempt + 1);
    }
    await answer(one, 6);
    expect(one.task).toMatchObject({ state: "succeeded", attempts: { length: 6 } });
  });

  test("follows its own retry policy", async () => {
    await rig.join("one");
    const retry = { ...defaultRetryPolicy, maxAttempts: 2, baseDelayMs: 60_000, maxDelayMs: 60_000 };
    const one = await submit("x", { effects: "safe", retry });
    await rig.engine.report(one, { kind: "failed", attempt: 1, failure: overloaded });
    await rig.elapse(29_900);
    expect(rig.sent).toHaveLength(1);
    await rig.elapse(30_200);
    expect(rig.sent).toHaveLength(2);
    await rig.engine.report(one, { kind: "failed", attempt: 2, failure: overloaded });
    expect(await one.ended.promise).toMatchObject({ state: "failed", failure: { kind: "overloaded" } });
  });

  test("that runs an ended task again is accepted once, and the other one told", async () => {
    await rig.join("one");
    await expect(submit("x", { retryOf: rig.message().id })).rejects.toMatchObject({
      code: "TASK_NOT_FOUND",
    });
    const first = await submit("x");
    await expect(submit("x", { retryOf: first.id })).rejects.toMatchObject({ code: "TASK_NOT_ENDED" });
    await rig.engine.report(first, {
      kind: "failed",
      attempt: 1,
      failure: { class: "too_large", message: "x" },
    });
    rig.events.length = 0;
    const again = await submit("x", { retryOf: first.id });
    expect(rig.events.slice(0, 2)).toEqual(["task.accepted", "task.retried"]);
    expect(await rig.stored(first.id)).toMatchObject({ retriedAs: again.id });
    await expect(submit("x", { retryOf: first.id })).rejects.toMatchObject({ code: "TASK_ALREADY_RETRIED" });
    expect(rig.engine.size()).toBe(1);
    expect(again.task.state).toBe("running");
  });
});

describe("the time of a queued task", () => {
  test("begins with its first offer, and ends it between two attempts as well", async () => {
    const one = await submit("x", { timeoutMs: 10_000, effects: "safe" });
    await rig.elapse(3_600_000);
    expect(one.task.state).toBe("queued");
    const node = await rig.join("one");
    await rig.settle();
    await rig.elapse(6_000);
    rig.registry.setOffline(node, "closed");
    await rig.engine.report(one, { kind: "link_lost", attempt: 1 });
    await rig.elapse(1_000);
    expect(one.task).toMatchObject({ state: "queued", attempts: [{ state: "lost" }] });
    await rig.elapse(2_900);
    expect(rig.ended).toEqual([]);
    await rig.elapse(200);
    expect(await one.ended.promise).toMatchObject({ state: "failed", failure: { class: "timeout" } });
  });

  test("goes on over a restart from where it was", async () => {
    await rig.join("one");
    const one = await submit("x", { timeoutMs: 20_000 });
    await rig.elapse(15_000);
    await rig.restart();
    await rig.elapse(4_900);
    expect(rig.ended).toEqual([]);
    await rig.elapse(200);
    // The node has not come back, so nobody knows what became of the run.
    expect(await rig.stored(one.id)).toMatchObject({
      state: "failed",
      failure: { class: "outcome_unknown" },
    });
  });

  test("of a synchronous message begins with its acceptance", async () => {
    await rig.join("one", { slots: 1 });
    await submit("runs");
    const one = await rig.engine.submit(rig.message({ timeoutMs: 5_000 }));
    await rig.elapse(5_100);
    expect(await one.ended.promise).toMatchObject({ state: "failed", failure: { class: "timeout" } });
  });
});

describe("a task that is not to start before a moment", () => {
  const inMs = (ms: number) => rig.clock.nowMs() + ms;

  test("is not offered before, and is then", async () => {
    await rig.join("one");
    const one = await submit("x", { notBeforeMs: inMs(60_000) });
    expect(waitsFor(one.id)).toStartWith("its time");
    await rig.join("two");
    await rig.elapse(59_900);
    expect(rig.sent).toEqual([]);
    rig.clock.skipWall(150);
    expect(waitsFor(one.id)).toBe(`its time, ${toIsoTime(one.task.message.notBeforeMs ?? 0)}`);
    await rig.elapse(200);
    expect(rig.sent).toHaveLength(1);
  });

  test("that is a year away waits, over a restart, until the clock on the wall says so", async () => {
    await rig.join("one");
    const yearMs = 365 * 24 * 3_600_000;
    await submit("x", { notBeforeMs: inMs(yearMs) });
    await rig.elapse(3_600_000);
    await rig.restart();
    await rig.relink("one");
    await rig.elapse(3_600_000);
    expect(rig.sent).toEqual([]);
    rig.clock.skipWall(yearMs);
    await rig.elapse(1_050);
    expect(rig.sent).toEqual(["offer 1 to one"]);
  });

  test("gets in line behind those who wait when its time comes", async () => {
    const requires = { os: "darwin" } as const;
    for (const content of ["a", "b", "c"]) await submit(content, { requires, source: content });
    await submit("later", { requires, notBeforeMs: inMs(30) });
    const stalling = rig.stallAtDecision(2);
    stalling.start();
    await rig.join("mac", { capabilities: requires, slots: 3 });
    stalling.stop();
    for (let turn = 0; turn < 5; turn += 1) await rig.elapse(30);
    expect(rig.offered).toEqual(["a", "b", "c"]);
  });

  test("waits for it again when the clock is set back, and those behind it do not wait for that", async () => {
    await rig.join("one", { slots: 1 });
    const busy = await submit("busy");
    await rig.settle();
    const notBeforeMs = rig.clock.nowMs() + 1_000;
    const timed = await submit("timed", { notBeforeMs });
    for (let second = 0; second < 3; second += 1) await rig.elapse(1_000);
    await submit("behind it");
    await rig.settle();
    rig.clock.skipWall(-3_600_000);
    await answer(busy);
    await rig.settle();
    expect(rig.offered).toEqual(["busy", "behind it"]);
    expect(waitsFor(timed.id)).toBe(`its time, ${toIsoTime(notBeforeMs)}`);
    rig.clock.skipWall(3_600_000);
    await rig.elapse(2_000);
    expect(waitsFor(timed.id)).toContain("a free slot");
  });

  test("can be cancelled meanwhile", async () => {
    await rig.join("one");
    const one = await submit("x", { notBeforeMs: inMs(60_000) });
    await rig.engine.cancel(one);
    await rig.elapse(120_000);
    expect(rig.ended).toEqual(["cancelled"]);
    expect(rig.sent).toEqual([]);
  });
});

describe("a task that expires", () => {
  const inMs = (ms: number) => rig.clock.nowMs() + ms;

  test("ends when no node has taken it, also after a restart and over a jump of the clock", async () => {
    await submit("a", { expiresAtMs: inMs(60_000) });
    await rig.elapse(60_100);
    expect(rig.ended).toEqual(["expired"]);
    await submit("b", { expiresAtMs: inMs(60_000) });
    await rig.restart();
    rig.clock.skipWall(60_000);
    await rig.elapse(1_050);
    expect(rig.ended).toEqual(["expired", "expired"]);
  });

  test("ends at once when its moment passed while no coordinator was there", async () => {
    await rig.join("one");
    const one = await submit("x", { expiresAtMs: inMs(60_000), notBeforeMs: inMs(1_000) });
    rig.clock.skipWall(120_000);
    await rig.restart();
    expect(await rig.stored(one.id)).toMatchObject({ state: "expired", attempts: [] });
  });

  test("ends in the pause before it is tried again", async () => {
    await rig.join("one");
    const retry = { ...defaultRetryPolicy, baseDelayMs: 60_000, maxDelayMs: 60_000 };
    const one = await submit("x", { expiresAtMs: inMs(10_000), effects: "safe", retry });
    await rig.engine.report(one, { kind: "failed", attempt: 1, failure: overloaded });
    await rig.elapse(10_100);
    expect(one.task.state).toBe("expired");
    await rig.elapse(120_000);
    expect(rig.sent).toHaveLength(1);
  });

  test("goes on when a node works on it", async () => {
    await rig.join("one");
    const one = await submit("x", { expiresAtMs: inMs(1_000) });
    await rig.elapse(5_000);
    await answer(one);
    expect(one.task.state).toBe("succeeded");
  });
});

describe("after a restart", () => {
  test("queued tasks go on without a key, those whose client is gone do not, and a pause is kept", async () => {
    await rig.join("one");
    const pausing = await submit("pausing", {
      effects: "safe",
      retry: { ...defaultRetryPolicy, baseDelayMs: 60_000, maxDelayMs: 60_000 },
    });
    await rig.engine.report(pausing, { kind: "failed", attempt: 1, failure: overloaded });
    const gpu = { gpu: true } as const;
    await rig.rules.add({ match: { requires_gpu: true }, otherwise: "queue" });
    const waiting = await submit("waiting", { requires: gpu });
    const left = await rig.engine.submit(rig.message({ requires: gpu }));
    expect(left.task.state).toBe("queued");
    await rig.restart();
    expect(await rig.stored(left.id)).toMatchObject({ state: "cancelled" });
    expect(rig.engine.find(waiting.id)?.task.state).toBe("queued");
    await rig.relink("one");
    await rig.elapse(25_000);
    expect(rig.sent).toHaveLength(1);
    await rig.elapse(40_000);
    expect(rig.sent.at(-1)).toBe("offer 2 to one");
  });
});

test("a pause is not longer for a clock that was set back while no coordinator was there", async () => {
  await rig.join("one");
  const pausing = await submit("pausing", { effects: "safe" });
  await rig.engine.report(pausing, { kind: "failed", attempt: 1, failure: overloaded });
  rig.clock.skipWall(-3_600_000);
  await rig.restart();
  await rig.relink("one");
  await rig.elapse(defaultRetryPolicy.maxDelayMs);
  expect(rig.sent.at(-1)).toBe("offer 2 to one");
});

describe("those that waited for the same", () => {
  test("each have their own patience when their node is gone", async () => {
    const node = await rig.join("one", { slots: 1 });
    await submit("runs");
    const waiting = await Promise.all(Array.from({ length: 5 }, () => rig.engine.submit(rig.message())));
    await rig.settle();
    rig.registry.setOffline(node, "closed");
    await rig.elapse(29_000);
    expect(rig.ended).toEqual([]);
    await rig.elapse(1_500);
    for (const one of waiting) expect(one.task.failure?.class).toBe("unroutable");
  });

  test("go their own ways when the rule that they shared leads nowhere any more", async () => {
    await rig.rules.add({ match: { labels: { kind: "x" } }, target: "first" });
    await rig.rules.add({ match: { source: "b" }, target: "elsewhere", otherwise: "queue" });
    const first = await rig.join("first", { slots: 1 });
    await submit("runs");
    const labels = { kind: "x" };
    const [b, a] = [await submit("b", { labels, source: "b" }), await submit("a", { labels, source: "a" })];
    await rig.settle();
    rig.registry.setOffline(first, "closed");
    await rig.settle();
    await rig.join("other");
    await rig.settle();
    expect([a.task.state, b.task.state]).toEqual(["running", "queued"]);
    expect(waitsFor(b.id)).toContain("elsewhere");
  });

  test("are not given up by a rule before the nodes had time to come back after a restart", async () => {
    await rig.rules.add({ match: { wildcard: true }, otherwise: "fail" });
    await rig.join("one", { slots: 1 });
    await submit("runs");
    const [waits] = [await submit("waits")];
    await rig.restart();
    await rig.elapse(20_000);
    expect(rig.engine.find(waits.id)?.task.state).toBe("queued");
    await rig.elapse(11_000);
    expect(await rig.stored(waits.id)).toMatchObject({
      state: "failed",
      failure: { class: "unroutable" },
    });
  });
});

describe("what becomes free", () => {
  test("goes to the most urgent, and in turn to the sources of the same priority", async () => {
    await rig.join("one", { slots: 1 });
    let running = await submit("runs");
    for (let index = 0; index < 6; index += 1) await submit(`crowd ${index}`, { source: "crowd" });
    for (const name of ["few 0", "few 1"]) await submit(name, { source: "few" });
    await submit("low", { priority: 1 });
    await submit("urgent", { priority: 9 });
    for (let turn = 0; turn < 10; turn += 1) {
      await answer(running);
      await rig.settle();
      const id = [...rig.engine.onNode(running.task.nodeId ?? ("" as never))][0]?.id;
      const next = id === undefined ? null : rig.engine.find(id);
      if (next !== null) running = next;
    }
    expect(rig.offered.slice(1)).toEqual([
      "urgent",
      "crowd 0",
      "few 0",
      "crowd 1",
      "few 1",
      "crowd 2",
      "crowd 3",
      "crowd 4",
      "crowd 5",
      "low",
    ]);
  });

  test("does not wait for one that has just been cancelled, or has expired unnoticed", async () => {
    const node = await rig.join("one", { slots: 1 });
    await submit("runs");
    const cancelled = await submit("cancelled");
    const second = await submit("second");
    rig.setDiskFull(true);
    void rig.engine.cancel(cancelled);
    rig.registry.release(node, null, false);
    expect(second.task.state).toBe("running");
    rig.setDiskFull(false);
    await rig.elapse(500);
    await submit("expires", { expiresAtMs: rig.clock.nowMs() + 10_000 });
    const last = await submit("last");
    rig.clock.skipWall(10_000);
    rig.registry.release(node, null, false);
    expect(last.task.state).toBe("running");
  });

  test("is not taken by one that comes while the commit of one before it is under way", async () => {
    const node = await rig.join("one", { slots: 1 });
    await submit("runs");
    const before = submit("before");
    rig.registry.release(node, null, false);
    const after = submit("after");
    await Promise.all([before, after]);
    await rig.settle();
    expect(rig.offered).toEqual(["runs", "before"]);
  });

  test("is not taken by one that comes while those who wait are still being decided", async () => {
    const requires = { os: "darwin" } as const;
    const stalling = rig.stallAtDecision(2);
    for (const content of ["a", "b", "c"]) await submit(content, { requires, source: content, labels: {} });
    await rig.rules.add({ match: { requires_gpu: true }, otherwise: "queue" });
    stalling.start();
    await rig.join("mac", { capabilities: requires, slots: 3 });
    const late = submit("late", { requires });
    stalling.stop();
    await late;
    for (let turn = 0; turn < 5; turn += 1) await rig.elapse(1);
    expect(rig.offered).toEqual(["a", "b", "c"]);
  });

  test("is waited for by a conversation for as long as its node is full", async () => {
    await rig.join("home", { slots: 1 });
    const first = await submit("first", { session: "talk" });
    await rig.join("other");
    const second = await submit("second", { session: "talk" });
    await rig.elapse(200_000);
    expect(second.task.state).toBe("queued");
    expect(waitsFor(second.id)).toContain("home");
    await answer(first);
    await rig.settle();
    expect(rig.sent).toEqual(["offer 1 to home", "offer 1 to home"]);
  });

  test("of a node that joins is shared by rank, though its tasks wait for different things", async () => {
    const mac = { os: "darwin" } as const;
    for (let index = 0; index < 5; index += 1) await submit(`any ${index}`);
    for (let index = 0; index < 2; index += 1) await submit(`mac ${index}`, { requires: mac, priority: 8 });
    await rig.join("mac", { capabilities: mac, slots: 3 });
    await rig.settle();
    expect(rig.offered).toEqual(["mac 0", "mac 1", "any 0"]);
  });
});

/** 10,000 messages take a while on a machine that is busy. */
const manyMs = 30_000;

describe("many that wait", () => {
  test(
    "cost a handful of decisions when a node joins that can serve none of them",
    async () => {
      const requires = { os: "darwin" } as const;
      await rig.join("plain");
      await Promise.all(Array.from({ length: 10_000 }, () => submit("x", { requires })));
      const before = rig.decisions();
      await rig.join("other");
      await rig.settle();
      expect(rig.decisions() - before).toBeLessThan(5);
      await rig.join("mac", { capabilities: requires, slots: 3 });
      // One decision for each that goes, and one for each step in which the others learn of a node more.
      for (let turn = 0; turn < 5; turn += 1) await rig.elapse(1);
      expect(rig.decisions() - before).toBeLessThan(50);
      expect(rig.sent).toHaveLength(3);
      const rest = [...rig.sent];
      expect(rest.every((line) => line.endsWith("to mac"))).toBe(true);
    },
    manyMs,
  );

  test(
    "for as many different things are asked of a node that joins only where it could serve",
    async () => {
      await rig.join("plain");
      const mac = { requires: { os: "darwin" as const } };
      for (let index = 0; index < 200; index += 1) await submit("x", { session: `talk ${index}`, ...mac });
      await rig.rules.add({ match: { source: "night" }, targets: ["mac"], otherwise: "queue" });
      await rig.elapse(1);
      const ruled = await submit("ruled", { source: "night" });
      expect(ruled.task.state).toBe("queued");
      const before = rig.decisions();
      await rig.join("pc", { slots: 99 });
      await rig.settle();
      expect(rig.decisions() - before).toBe(0);
      await rig.join("mac", { slots: 1 });
      await rig.settle();
      expect(rig.decisions() - before).toBeLessThan(5);
      expect(rig.offered).toEqual(["ruled"]);
    },
    manyMs,
  );

  test(
    "do not hold up the event loop when the rules change, and are all decided anew",
    async () => {
      await rig.join("plain", { slots: 1 });
      const requires = { os: "darwin" } as const;
      await Promise.all(Array.from({ length: 2_000 }, () => submit("x", { requires })));
      const before = rig.decisions();
      await rig.rules.add({ match: { requires_os: "darwin" }, otherwise: "queue" });
      await rig.elapse(0);
      // Manual time stands still within a turn: what is measured here is that each is decided, once.
      for (let turn = 0; turn < 10; turn += 1) await rig.elapse(1);
      expect(rig.decisions() - before).toBeGreaterThanOrEqual(2_000);
      expect(rig.decisions() - before).toBeLessThan(2_100);
    },
    manyMs,
  );

  test(
    "are 10,000 at most, parked, delayed and for slots together, also when they come at once",
    async () => {
      const inAnHour = rig.clock.nowMs() + 3_600_000;
      await Promise.all(Array.from({ length: 3_000 }, () => submit("later", { notBeforeMs: inAnHour })));
      const kinds = { requires: { os: "darwin" as const } };
      const results = await Promise.allSettled(
        Array.from({ length: maxWaiting - 3_000 + 5 }, (_, index) =>
          submit("x", index % 2 === 0 ? kinds : {}),
        ),
      );
      const refused = results.filter(({ status }) => status === "rejected");
      expect(refused).toHaveLength(5);
      expect(refused[0]).toMatchObject({ reason: { code: "QUEUE_FULL" } });
      expect(rig.engine.size()).toBe(maxWaiting);
      await expect(submit("later", { notBeforeMs: inAnHour })).rejects.toMatchObject({ code: "QUEUE_FULL" });
      const first = results.find((result) => result.status === "fulfilled");
      if (first?.status === "fulfilled") void rig.engine.cancel(first.value);
      await rig.settle();
      await submit("x");
    },
    manyMs,
  );
});

test("a crowd that is decided again keeps no message from a node that none of it could want", async () => {
  await rig.join("free", { slots: 4 });
  const crowd: Promise<LiveTask>[] = [];
  for (let count = 0; count < maxWaiting; count += 1) {
    crowd.push(submit(`mac ${count}`, { requires: { os: "darwin" } }));
    if (count % 1_000 === 999) await Promise.all(crowd);
  }
  await Promise.all(crowd);
  const stall = rig.stallAtDecision(1);
  stall.start();
  await rig.rules.add({ match: { wildcard: true }, target: "free", strategy: "least-busy" });
  const one = await rig.engine.submit(rig.message({ content: "linux" }));
  stall.stop();
  expect(one.task.state).toBe("running");
}, 30_000);

describe("a circuit breaker that is open", () => {
  const open = async (name: string) => {
    const node = await rig.join(name);
    rig.registry.setBreakers(node, { isOpen: true, breakers: [], onReserved: null }, true);
    return node;
  };

  test("keeps a queued task waiting until it closes", async () => {
    const node = await open("one");
    const one = await submit("x");
    await rig.elapse(60_000);
    expect(one.task.state).toBe("queued");
    expect(waitsFor(one.id)).toContain("failing too often");
    rig.registry.setBreakers(node, { isOpen: false, breakers: [], onReserved: null }, true);
    await rig.settle();
    expect(rig.sent).toEqual(["offer 1 to one"]);
  });

  test("does not keep a synchronous message either that waits for a slot there", async () => {
    const node = await open("one");
    const running = await Promise.all(Array.from({ length: 4 }, () => rig.engine.submit(rig.message())));
    await rig.engine.submit(rig.message({ content: "waits" }));
    const [first] = running;
    expect(node.inFlight).toBe(4);
    if (first !== undefined) await answer(first);
    await rig.settle();
    expect(rig.offered.at(-1)).toBe("waits");
  });

  test("does not keep a synchronous message that would have nowhere else to go", async () => {
    await open("one");
    await rig.engine.submit(rig.message());
    expect(rig.sent).toEqual(["offer 1 to one"]);
    await rig.join("two");
    await rig.engine.submit(rig.message());
    expect(rig.sent.at(-1)).toBe("offer 1 to two");
  });
});

describe("events", () => {
  test("tell of an outcome that came too late, once it is on record", async () => {
    const first = await rig.join("one");
    const one = await submit("x", { effects: "safe" });
    await rig.join("two");
    await rig.engine.report(one, { kind: "link_lost", attempt: 1 });
    await rig.elapse(600);
    expect(rig.sent.at(-1)).toBe("offer 2 to two");
    const link = first.link;
    if (link === null) throw new Error("it has a link");
    const result = { type: "result", task: one.id, attempt: 1, length: 4, text: "late" } as const;
    rig.reports.take(first, link, result);
    await rig.settle();
    expect(rig.events.filter((type) => type === "attempt.late")).toHaveLength(1);
    expect(await rig.stored(one.id)).toMatchObject({ attempts: [{ isLateResult: true }, {}] });
    rig.reports.take(first, link, result);
    await rig.settle();
    expect(rig.events.filter((type) => type === "attempt.late")).toHaveLength(1);
  });

  test("of a wait and of a cancel follow what made them, each once", async () => {
    const node = await rig.join("one", { slots: 1 });
    const running = await submit("runs");
    const waits = await submit("waits");
    await rig.registry.patch(node, { add_tags: ["x"] });
    await rig.settle();
    expect(rig.events.filter((type) => type === "task.waiting")).toHaveLength(1);
    rig.events.length = 0;
    void rig.engine.cancel(running);
    expect(rig.events).toEqual([]);
    await rig.settle();
    expect(rig.events).toEqual(["task.cancel_requested"]);
    expect(await rig.stored(running.id)).toMatchObject({ cancelRequestedAtMs: expect.any(Number) });
    await rig.engine.cancel(waits);
    expect(rig.events).toEqual(["task.cancel_requested", "task.ended"]);
  });
});

describe("a coordinator that stops", () => {
  test("does not wait for queued tasks that wait, nor start any; they go on in the next process", async () => {
    await rig.join("one", { slots: 1 });
    const running = await submit("runs");
    const waits = await submit("waits");
    let isDone = false;
    const stopping = rig.engine.drain(60_000).then(() => {
      isDone = true;
    });
    await rig.settle();
    expect(isDone).toBe(false);
    await answer(running);
    await stopping;
    expect(rig.offered).toEqual(["runs"]);
    await expect(waits.ended.promise).rejects.toMatchObject({ code: "COORDINATOR_STOPPING" });
    await rig.restart();
    await rig.relink("one");
    await rig.settle();
    expect(rig.offered).toEqual(["runs", "waits"]);
  });
});
