import { describe, expect, test } from "bun:test";
import type { Task, TaskChange } from "../../src/domain/tasks/task.ts";
import { systemIds } from "../../src/platform/ids.ts";
import {
  createSampleAttempt,
  createSampleDecision,
  createSampleRunningTask,
  createSampleTask,
  sampleTimeMs,
} from "../support/store/sample-tasks.ts";
import type { StoreUnderTest } from "./store.ts";

const nodeId = systemIds.node();
const otherNodeId = systemIds.node();

const finished: TaskChange = {
  state: "succeeded",
  endedAtMs: sampleTimeMs + 900,
  response: "done",
  attempts: [
    createSampleAttempt(nodeId, {
      state: "finished",
      startedAtMs: sampleTimeMs + 1,
      endedAtMs: sampleTimeMs + 900,
    }),
  ],
};

/** A task with every field set. */
function createFullTask(): Task {
  const failure = {
    class: "runtime_error",
    kind: "quota",
    message: "no tokens left",
    nothing_done: true,
  } as const;
  return createSampleTask(
    {
      state: "running",
      cancelRequestedAtMs: 5,
      nodeId,
      decision: createSampleDecision(nodeId),
      failure,
      attempts: [
        createSampleAttempt(otherNodeId, {
          state: "lost",
          startedAtMs: sampleTimeMs + 1,
          endedAtMs: sampleTimeMs + 2,
          failure,
        }),
        createSampleAttempt(nodeId, { number: 2, isLateResult: true }),
      ],
    },
    {
      content: "鹭鸶 🪶 «naïve»\n\u0000 end",
      session: "garden",
      requires: { gpu: true, skills: ["docker"] },
      labels: { team: "红" },
      target: "mac-nodes",
      effects: "safe",
      infer: false,
      idempotencyKey: "key-1",
      bodyHash: "ab".repeat(32),
    },
  );
}

export function describeTasks(subject: StoreUnderTest): void {
  const tasks = () => subject.store().tasks;

  describe("accepting a task", () => {
    test("keeps every field, after a restart too", async () => {
      const plain = createSampleTask();
      const full = createFullTask();
      expect(await tasks().accept(plain, "process")).toBeNull();
      expect(await tasks().accept(full, "full")).toBeNull();
      expect(await tasks().get(full.message.id)).toEqual(full);
      await subject.reopen();
      expect(await tasks().get(plain.message.id)).toEqual(plain);
      expect(await tasks().get(full.message.id)).toEqual(full);
    });

    test("keeps a text of a megabyte and an answer of eight", async () => {
      const task = createSampleRunningTask(nodeId, { content: "c".repeat(1024 * 1024) });
      const response = "r".repeat(8 * 1024 * 1024);
      await tasks().accept(task, "process");
      await tasks().change(task.message.id, { attempt: 1 }, { ...finished, response }, "process");
      const stored = await tasks().get(task.message.id);
      expect(stored?.message.content).toBe(task.message.content);
      expect(stored?.response === response).toBe(true);
    });

    test("knows nothing of a task that was never accepted", async () => {
      expect(await tasks().get(systemIds.task())).toBeNull();
      expect(await tasks().findByKey("token_admin", "no such key")).toBeNull();
    });

    test("answers a repeated key with the task that has it, as it is now", async () => {
      const first = createSampleRunningTask(nodeId, { idempotencyKey: "key" });
      await tasks().accept(first, "full");
      await tasks().change(first.message.id, { attempt: 1 }, finished, "full");
      const second = createSampleRunningTask(otherNodeId, { idempotencyKey: "key" });
      expect(await tasks().accept(second, "full")).toEqual({ ...first, ...finished } as Task);
      expect(await tasks().get(second.message.id)).toBeNull();
      expect(await tasks().findByKey("token_admin", "key")).toMatchObject({
        message: { id: first.message.id },
      });
    });

    test("stores one of several that arrive at once with one key", async () => {
      const rivals = Array.from({ length: 5 }, () =>
        createSampleRunningTask(nodeId, { idempotencyKey: "key" }),
      );
      const results = await Promise.all(rivals.map((task) => tasks().accept(task, "full")));
      const [winner] = rivals;
      expect(results).toEqual([null, ...Array.from({ length: 4 }, () => winner ?? null)]);
      expect(await tasks().listUnfinished()).toEqual(winner === undefined ? [] : [winner]);
    });

    test("scopes keys to the token, and lets tasks without a key be", async () => {
      const keyed = [{ subject: "token_a" }, { subject: "token_b" }].map((message) =>
        createSampleTask({}, { ...message, idempotencyKey: "key" }),
      );
      const plain = [createSampleTask(), createSampleTask()];
      const results = await Promise.all([...keyed, ...plain].map((task) => tasks().accept(task, "process")));
      expect(results).toEqual([null, null, null, null]);
      expect(await tasks().findByKey("token_b", "key")).toEqual(keyed[1] ?? null);
    });
  });

  describe("changing a task", () => {
    test("changes the fields given and no others", async () => {
      const task = createSampleRunningTask(nodeId, { session: "garden" });
      await tasks().accept(task, "process");
      expect(await tasks().change(task.message.id, { attempt: 1 }, finished, "full")).toBe(true);
      const expected = { ...task, ...finished } as Task;
      expect(await tasks().get(task.message.id)).toEqual(expected);
      await subject.reopen();
      expect(await tasks().get(task.message.id)).toEqual(expected);
    });

    test("changes each field by itself", async () => {
      const changes: TaskChange[] = [
        { cancelRequestedAtMs: 5 },
        { nodeId: otherNodeId },
        { decision: createSampleDecision(otherNodeId) },
        { failure: { class: "timeout", message: "took too long" } },
        { response: "" },
        { endedAtMs: 0 },
        { state: "failed" },
      ];
      const task = createSampleRunningTask(nodeId);
      await tasks().accept(task, "process");
      let expected = task;
      for (const change of changes) {
        expected = { ...expected, ...change } as Task;
        expect(await tasks().change(task.message.id, { attempt: 1 }, change, "process")).toBe(true);
        expect(await tasks().get(task.message.id)).toEqual(expected);
      }
    });

    test("adds an attempt, which moves the fence, and keeps the earlier ones", async () => {
      const task = createSampleTask();
      const { id } = task.message;
      await tasks().accept(task, "process");
      const first = createSampleAttempt(nodeId);
      const lost = createSampleAttempt(nodeId, { state: "lost", endedAtMs: sampleTimeMs + 5 });
      const second = createSampleAttempt(otherNodeId, { number: 2 });
      const begin: TaskChange = { state: "running", nodeId, attempts: [first] };
      const move: TaskChange = { nodeId: otherNodeId, attempts: [lost, second] };
      expect(await tasks().change(id, { attempt: 1 }, begin, "process")).toBe(false);
      expect(await tasks().change(id, { attempt: 0 }, begin, "process")).toBe(true);
      expect(await tasks().change(id, { attempt: 0 }, begin, "process")).toBe(false);
      expect(await tasks().change(id, { attempt: 1 }, move, "process")).toBe(true);
      expect(await tasks().change(id, { attempt: 1 }, finished, "process")).toBe(false);
      expect(await tasks().get(id)).toEqual({
        ...task,
        state: "running",
        nodeId: otherNodeId,
        attempts: [lost, second],
      });
    });

    test("lets one of several rivals through, and nothing of the others", async () => {
      const task = createSampleRunningTask(nodeId);
      const { id } = task.message;
      const cancelled: TaskChange = {
        state: "cancelled",
        endedAtMs: sampleTimeMs,
        attempts: [createSampleAttempt(nodeId, { state: "lost" })],
      };
      const results = await Promise.all([
        tasks().accept(task, "process"),
        tasks().change(id, { attempt: 1 }, finished, "process"),
        tasks().change(id, { attempt: 1 }, cancelled, "full"),
      ]);
      expect(results).toEqual([null, true, false]);
      expect(await tasks().get(id)).toEqual({ ...task, ...finished } as Task);
    });

    for (const state of ["succeeded", "failed", "cancelled", "expired"] as const) {
      test(`never moves a task that has ${state}`, async () => {
        const task = createSampleTask({ state });
        await tasks().accept(task, "process");
        expect(await tasks().change(task.message.id, { attempt: 0 }, { state: "queued" }, "process")).toBe(
          false,
        );
        expect(await tasks().get(task.message.id)).toEqual(task);
      });
    }

    test("tells when there is no such task, and writes nothing of it", async () => {
      const id = systemIds.task();
      expect(await tasks().change(id, { attempt: 0 }, finished, "process")).toBe(false);
      expect(await tasks().get(id)).toBeNull();
    });
  });

  describe("a late report", () => {
    test("is kept in the history and changes nothing else", async () => {
      const task = createSampleRunningTask(nodeId);
      const { id } = task.message;
      await tasks().accept(task, "process");
      const failed: TaskChange = { state: "failed", failure: { class: "outcome_unknown", message: "gone" } };
      await tasks().change(id, { attempt: 1 }, failed, "process");
      const late = createSampleAttempt(nodeId, {
        state: "finished",
        isLateResult: true,
        endedAtMs: sampleTimeMs,
      });
      await tasks().recordLate(id, late);
      expect(await tasks().get(id)).toEqual({ ...task, ...failed, attempts: [late] } as Task);
    });

    test("about an earlier attempt leaves the fence where it is", async () => {
      const first = createSampleAttempt(nodeId, { state: "lost" });
      const second = createSampleAttempt(otherNodeId, { number: 2 });
      const task = createSampleTask({ state: "running", nodeId: otherNodeId, attempts: [first, second] });
      const { id } = task.message;
      await tasks().accept(task, "process");
      const late = { ...first, isLateResult: true };
      await tasks().recordLate(id, late);
      expect((await tasks().get(id))?.attempts).toEqual([late, second]);
      expect(await tasks().change(id, { attempt: 2 }, { state: "succeeded" }, "process")).toBe(true);
    });

    test("about a task that is gone is dropped", async () => {
      const id = systemIds.task();
      await tasks().recordLate(id, createSampleAttempt(nodeId));
      expect(await tasks().get(id)).toBeNull();
    });
  });

  describe("the list of unfinished tasks", () => {
    test("holds queued and running ones with their attempts, oldest first, and no others", async () => {
      const open = [createSampleTask(), createSampleRunningTask(nodeId), createFullTask()];
      const ended = (["succeeded", "failed", "cancelled", "expired"] as const).map((state) =>
        createSampleTask({ state }),
      );
      const changed = createSampleRunningTask(nodeId);
      for (const task of [...ended, changed, ...open].reverse()) await tasks().accept(task, "process");
      await tasks().change(changed.message.id, { attempt: 1 }, finished, "process");
      expect(await tasks().listUnfinished()).toEqual(open);
      await subject.reopen();
      expect(await tasks().listUnfinished()).toEqual(open);
    });
  });
}
