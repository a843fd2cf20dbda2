import { describe, expect, test } from "bun:test";
import type { Task } from "../../src/domain/tasks/task.ts";
import { systemIds } from "../../src/platform/ids.ts";
import type { TaskId } from "../../src/protocol/ids.ts";
import { maxScannedRows, type TaskStore } from "../../src/store/tasks.ts";
import { createSampleTask, sampleTimeMs } from "../support/store/sample-tasks.ts";
import { anyTask } from "../support/store/task-model.ts";
import type { StoreUnderTest } from "./store.ts";

const failure = { class: "timeout", message: "took too long" } as const;

function createFailedTask(parts: Partial<Task> = {}): Task {
  return createSampleTask({ state: "failed", failure, endedAtMs: sampleTimeMs + 5, ...parts });
}

const retryOf = (task: Task, message: Partial<Task["message"]> = {}) =>
  createSampleTask({}, { retryOf: task.message.id, isSynchronous: false, ...message });

/** All steps of one sweep. */
async function sweep(tasks: TaskStore, endedBeforeMs: number, limit: number): Promise<readonly number[]> {
  const steps: number[] = [];
  let after: TaskId | null = null;
  do {
    const step: Awaited<ReturnType<TaskStore["deleteFinished"]>> = await tasks.deleteFinished({
      endedBeforeMs,
      after,
      limit,
    });
    steps.push(step.deleted);
    after = step.next;
  } while (after !== null);
  return steps;
}

/** What becomes of tasks that have ended: run again, discarded, deleted. */
export function describeEndedTasks(subject: StoreUnderTest): void {
  const tasks = () => subject.store().tasks;

  describe("running an ended task again", () => {
    for (const state of ["succeeded", "failed", "cancelled", "expired"] as const) {
      test(`stores the new task and marks the one that had ${state}, after a restart too`, async () => {
        const old = createSampleTask({ state, endedAtMs: sampleTimeMs });
        const retry = retryOf(old, { idempotencyKey: "again", bodyHash: "00" });
        await tasks().accept(old, "process");
        expect(await tasks().acceptRetry(retry)).toBeNull();
        await subject.reopen();
        expect(await tasks().get(retry.message.id)).toEqual(retry);
        expect(await tasks().get(old.message.id)).toEqual({ ...old, retriedAs: retry.message.id });
        expect((await tasks().list({ ...anyTask, isDeadLetter: true }, page)).tasks).toEqual([]);
      });
    }

    test("lets one of several rivals through, and nothing of the others", async () => {
      const old = createFailedTask();
      await tasks().accept(old, "process");
      const rivals = [retryOf(old), retryOf(old), retryOf(old)];
      const results = await Promise.all(rivals.map((rival) => tasks().acceptRetry(rival)));
      expect(results).toEqual([null, "already_retried", "already_retried"]);
      const [winner] = rivals;
      expect(await tasks().get(old.message.id)).toEqual({ ...old, retriedAs: winner?.message.id ?? null });
      expect(await tasks().count()).toBe(2);
    });

    test("is refused while it has not ended, and when there is none", async () => {
      const old = createSampleTask({ state: "running" });
      await tasks().accept(old, "process");
      expect(await tasks().acceptRetry(retryOf(old))).toBe("not_ended");
      expect(await tasks().acceptRetry(retryOf(createSampleTask()))).toBe("not_found");
      expect(await tasks().acceptRetry(createSampleTask())).toBe("not_found");
      expect(await tasks().get(old.message.id)).toEqual(old);
      expect(await tasks().count()).toBe(1);
    });

    test("changes nothing when its key belongs to another task", async () => {
      const old = createFailedTask();
      const other = createSampleTask({}, { idempotencyKey: "key" });
      await Promise.all([tasks().accept(old, "process"), tasks().accept(other, "process")]);
      const retry = retryOf(old, { idempotencyKey: "key" });
      await expect(tasks().acceptRetry(retry)).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
      expect(await tasks().get(old.message.id)).toEqual(old);
      expect(await tasks().get(retry.message.id)).toBeNull();
    });

    test("takes a discarded one too", async () => {
      const old = createFailedTask();
      await tasks().accept(old, "process");
      await tasks().discard(old.message.id, 7);
      const retry = retryOf(old);
      expect(await tasks().acceptRetry(retry)).toBeNull();
      expect(await tasks().get(old.message.id)).toMatchObject({
        discardedAtMs: 7,
        retriedAs: retry.message.id,
      });
    });
  });

  describe("discarding a failed task", () => {
    test("takes it off the dead letters for good, and remembers when that was", async () => {
      const old = createFailedTask();
      const { id } = old.message;
      await tasks().accept(old, "process");
      expect(await tasks().discard(id, 7)).toBe(true);
      expect(await tasks().discard(id, 9)).toBe(true);
      await subject.reopen();
      expect(await tasks().get(id)).toEqual({ ...old, discardedAtMs: 7 });
      expect((await tasks().list({ ...anyTask, isDeadLetter: true }, page)).tasks).toEqual([]);
    });

    test("leaves one that was run again as it is", async () => {
      const old = createFailedTask();
      const retry = retryOf(old);
      await tasks().accept(old, "process");
      await tasks().acceptRetry(retry);
      expect(await tasks().discard(old.message.id, 7)).toBe(true);
      expect(await tasks().get(old.message.id)).toEqual({ ...old, retriedAs: retry.message.id });
    });

    test("is refused for all others", async () => {
      for (const state of ["queued", "running", "succeeded", "cancelled", "expired"] as const) {
        const other = createSampleTask({ state });
        await tasks().accept(other, "process");
        expect(await tasks().discard(other.message.id, 7)).toBe(false);
        expect(await tasks().get(other.message.id)).toEqual(other);
      }
      expect(await tasks().discard(systemIds.task(), 7)).toBe(false);
    });
  });

  describe("deleting finished tasks", () => {
    const endedAt = (endedAtMs: number) => createFailedTask({ endedAtMs });

    test("deletes those that ended before the moment, in steps, and no others", async () => {
      const old = Array.from({ length: 7 }, (_, index) => endedAt(sampleTimeMs + index));
      const young = [endedAt(sampleTimeMs + 100), endedAt(sampleTimeMs + 500)];
      const open = [createSampleTask(), createSampleTask({ state: "running" })];
      const mixed = [...old.slice(0, 3), ...open, ...young, ...old.slice(3)];
      await Promise.all(mixed.map((task) => tasks().accept(task, "process")));
      const steps = await sweep(tasks(), sampleTimeMs + 100, 3);
      expect(Math.max(...steps)).toBe(3);
      expect(steps.reduce((sum, step) => sum + step, 0)).toBe(7);
      await subject.reopen();
      for (const task of old) expect(await tasks().get(task.message.id)).toBeNull();
      for (const task of [...open, ...young]) expect(await tasks().get(task.message.id)).toEqual(task);
      expect(await tasks().count()).toBe(4);
      expect(await sweep(tasks(), sampleTimeMs + 100, 3)).toEqual([0]);
    });

    test("begins with the oldest, wherever it is told to", async () => {
      const some = [endedAt(1), endedAt(1), endedAt(1), endedAt(1)];
      for (const task of some) await tasks().accept(task, "process");
      const [first, second] = some.map((task) => task.message.id);
      const step = { endedBeforeMs: Number.MAX_SAFE_INTEGER, limit: 1 };
      expect(await tasks().deleteFinished({ ...step, after: null })).toMatchObject({
        deleted: 1,
        next: first,
      });
      expect(await tasks().deleteFinished({ ...step, after: second ?? null })).toMatchObject({ deleted: 1 });
      expect((await tasks().list(anyTask, page)).tasks.map((task) => task.id)).toEqual(
        [some[3], some[1]].flatMap((task) => (task === undefined ? [] : [task.message.id])),
      );
    });

    test("keeps what retries say of each other, and frees the keys of what is gone", async () => {
      const old = createSampleTask(
        { state: "failed", endedAtMs: 1 },
        { idempotencyKey: "key", bodyHash: "00" },
      );
      const retry = retryOf(old);
      await tasks().accept(old, "process");
      await tasks().acceptRetry(retry);
      await sweep(tasks(), sampleTimeMs, 10);
      expect(await tasks().get(old.message.id)).toBeNull();
      expect(await tasks().get(retry.message.id)).toEqual(retry);
      const next = createSampleTask({}, { idempotencyKey: "key", bodyHash: "11" });
      expect(await tasks().accept(next, "process")).toBeNull();
    });

    test("looks at a limited number of records with each step, and reaches the end", async () => {
      const young = Array.from({ length: maxScannedRows + 3 }, () => createFailedTask());
      await Promise.all(young.map((task) => tasks().accept(task, "process")));
      const old = endedAt(sampleTimeMs - 1);
      await tasks().accept(old, "process");
      const first = await tasks().deleteFinished({ endedBeforeMs: sampleTimeMs + 1, after: null, limit: 10 });
      expect(first).toEqual({ deleted: 0, next: young[maxScannedRows - 1]?.message.id ?? null });
      expect(await sweep(tasks(), sampleTimeMs + 1, 10)).toEqual([0, 1]);
      expect(await tasks().count()).toBe(young.length);
      // All that follows was accepted later than that.
      expect(await sweep(tasks(), sampleTimeMs, 10)).toEqual([0]);
    });
  });
}

const page = { after: null, limit: 100, order: "newest" } as const;
