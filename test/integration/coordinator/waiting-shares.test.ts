import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { tokenPrincipal } from "../../../src/coordinator/auth/principal.ts";
import type { LiveTask } from "../../../src/coordinator/tasks/live-task.ts";
import { createTaskAccess } from "../../../src/coordinator/tasks/task-access.ts";
import { createTaskActions } from "../../../src/coordinator/tasks/task-actions.ts";
import { maxWaiting, shareBehind } from "../../../src/coordinator/tasks/waiting-allowance.ts";
import { defaultRetryPolicy } from "../../../src/domain/tasks/retry-policy.ts";
import type { TaskMessage } from "../../../src/domain/tasks/task.ts";
import { createDeadlines } from "../../../src/platform/deadlines.ts";
import { createEventEmitter } from "../../../src/platform/event-emitter.ts";
import { systemIds } from "../../../src/platform/ids.ts";
import type { TokenId } from "../../../src/protocol/ids.ts";
import { createEngineRig, type EngineRig } from "../../support/engine-rig.ts";

let rig: EngineRig;
beforeEach(async () => {
  rig = await createEngineRig();
});
afterEach(() => rig[Symbol.asyncDispose]());

/** Thousands of tasks go to the store; a busy machine takes longer than a test usually may. */
const manyMs = 60_000;

const overloaded = { class: "runtime_error", kind: "overloaded", message: "busy" } as const;
const slowRetry = { ...defaultRetryPolicy, baseDelayMs: 60_000, maxDelayMs: 60_000 };
const submit = (parts: Partial<TaskMessage> = {}) =>
  rig.engine.submit(rig.queued({ effects: "safe", retry: slowRetry, ...parts }));

describe("a task that was run again", () => {
  const operator = tokenPrincipal(
    { id: "token_operator" as TokenId, scopes: ["operate"], groups: ["build"], isUntrusted: false },
    new AbortController().signal,
  );
  const actions = () =>
    createTaskActions({
      engine: rig.engine,
      store: rig.store.tasks,
      access: createTaskAccess({ engine: rig.engine, store: rig.store.tasks, groupsOf: () => ["build"] }),
      events: createEventEmitter(),
      clock: rig.clock,
      deadlines: createDeadlines(rig.clock),
      ids: systemIds,
    });

  test("waits in the share of who ran it again, and stays the task of who sent it", async () => {
    await rig.join("one");
    const first = await submit();
    await rig.engine.report(first, { kind: "succeeded", attempt: 1, text: "done" });
    const not_before = new Date(rig.clock.nowMs() + 3_600_000).toISOString();
    const { message } = await actions().retry(first.id, { not_before }, operator);
    expect(message).toMatchObject({ subject: "admin", retryOf: first.id });
    expect(rig.engine.find(message.id)).toMatchObject({ hasPlace: true, placeOf: operator.subject });
  });

  test(
    "is turned away when others that the same token ran again take its share",
    async () => {
      await rig.join("one");
      const first = await submit();
      await rig.engine.report(first, { kind: "succeeded", attempt: 1, text: "done" });
      const later = { notBeforeMs: rig.clock.nowMs() + 3_600_000 };
      await Promise.all(
        Array.from({ length: maxWaiting / 2 }, () => rig.engine.submit(rig.queued(later), operator.subject)),
      );
      const not_before = new Date(later.notBeforeMs).toISOString();
      await expect(actions().retry(first.id, { not_before }, operator)).rejects.toMatchObject({
        code: "QUEUE_FULL",
      });
      await submit({ ...later, subject: "another" });
      await submit(later);
    },
    manyMs,
  );
});

describe("a task that pauses before it is tried again", () => {
  test("has a place among those that wait, until a node takes it, also after a restart", async () => {
    await rig.join("one");
    const one = await submit();
    expect(one.hasPlace).toBe(false);
    await rig.engine.report(one, { kind: "failed", attempt: 1, failure: overloaded });
    expect(one.hasPlace).toBe(true);
    await rig.restart();
    const again = rig.engine.find(one.id);
    expect(again?.hasPlace).toBe(true);
    await rig.relink("one");
    await rig.elapse(slowRetry.maxDelayMs);
    expect(again).toMatchObject({ hasPlace: false, task: { attempts: { length: 2 } } });
  });

  test("gives its place back when it is cancelled", async () => {
    await rig.join("one");
    const one = await submit();
    await rig.engine.report(one, { kind: "failed", attempt: 1, failure: overloaded });
    await rig.engine.cancel(one);
    expect(one).toMatchObject({ hasPlace: false, task: { state: "cancelled" } });
  });

  test(
    "is kept whatever the share, and beyond it new ones of its token are turned away, also from a free node",
    async () => {
      const most = (maxWaiting * (1 + shareBehind)) / 2;
      await rig.join("one", { slots: 100 });
      const all: LiveTask[] = [];
      const failMore = async (count: number) => {
        const some = await Promise.all(Array.from({ length: count }, () => submit({ subject: "token_a" })));
        await Promise.all(
          some.map((one) => rig.engine.report(one, { kind: "failed", attempt: 1, failure: overloaded })),
        );
        all.push(...some);
      };
      while (all.length < most) await failMore(100);
      const last = await submit({ subject: "token_a" });
      await failMore(1);
      await expect(submit({ subject: "token_a" })).rejects.toMatchObject({ code: "QUEUE_FULL" });
      expect(all.every(({ hasPlace, task }) => hasPlace && task.state === "queued")).toBe(true);
      expect(last.task.attempts).toHaveLength(1);
      const other = await submit({ subject: "token_b" });
      expect(other.task.attempts).toHaveLength(1);
    },
    manyMs,
  );
});
