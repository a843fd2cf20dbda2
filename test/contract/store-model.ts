import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Attempt, Task, TaskChange } from "../../src/domain/tasks/task.ts";
import { systemIds } from "../../src/platform/ids.ts";
import type { TaskId } from "../../src/protocol/ids.ts";
import type { TaskState } from "../../src/protocol/task.ts";
import type { TaskStore } from "../../src/store/tasks.ts";
import {
  createSampleAttempt,
  createSampleDecision,
  createSampleTask,
} from "../support/store/sample-tasks.ts";
import type { StoreUnderTest } from "./store.ts";

const nodeIds = [systemIds.node(), systemIds.node(), systemIds.node()] as const;
const open: readonly TaskState[] = ["queued", "running"];

/** The tasks of a store as plain values: what the real one must look like from outside. */
function createTaskModel() {
  const tasks = new Map<TaskId, Task>();
  const findByKey = (subject: string, key: string | null) =>
    [...tasks.values()].find(
      ({ message }) => key !== null && message.subject === subject && message.idempotencyKey === key,
    ) ?? null;

  function putAttempts(current: readonly Attempt[], changed: readonly Attempt[]): readonly Attempt[] {
    const byNumber = new Map([...current, ...changed].map((attempt) => [attempt.number, attempt]));
    return [...byNumber.values()].sort((left, right) => left.number - right.number);
  }

  return {
    tasks,
    findByKey,
    accept: (task: Task): Task | null => {
      const same = findByKey(task.message.subject, task.message.idempotencyKey);
      if (same === null) tasks.set(task.message.id, task);
      return same;
    },
    change: (id: TaskId, attempt: number, change: TaskChange): boolean => {
      const task = tasks.get(id);
      if (task === undefined || !open.includes(task.state)) return false;
      if ((task.attempts.at(-1)?.number ?? 0) !== attempt) return false;
      tasks.set(id, { ...task, ...change, attempts: putAttempts(task.attempts, change.attempts ?? []) });
      return true;
    },
    recordLate: (id: TaskId, attempt: Attempt): void => {
      const task = tasks.get(id);
      if (task !== undefined) tasks.set(id, { ...task, attempts: putAttempts(task.attempts, [attempt]) });
    },
    unfinished: () =>
      [...tasks.values()]
        .filter((task) => open.includes(task.state))
        .sort((left, right) => (left.message.id < right.message.id ? -1 : 1)),
  };
}

type TaskModel = ReturnType<typeof createTaskModel>;

const change: fc.Arbitrary<TaskChange> = fc.record(
  {
    state: fc.constantFrom<TaskState>(
      "queued",
      "running",
      "running",
      "running",
      "succeeded",
      "failed",
      "cancelled",
    ),
    cancelRequestedAtMs: fc.integer({ min: 1, max: 9 }),
    endedAtMs: fc.nat(),
    nodeId: fc.constantFrom(...nodeIds),
    response: fc.string({ unit: "binary", maxLength: 20 }),
    failure: fc.constant({ class: "lost_after_start", message: "gone" } as const),
    decision: fc.constantFrom(...nodeIds).map(createSampleDecision),
    attempts: fc
      .tuple(fc.constantFrom(...nodeIds), fc.constantFrom("offered", "started", "lost"))
      .map(([nodeId, state]) => [createSampleAttempt(nodeId, { state })]),
  },
  { requiredKeys: [] },
);

/** One call, or a restart. Tasks are named by their place among those made so far. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("accept" as const), key: fc.option(fc.nat(5)) }) },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("change" as const),
      task: fc.nat(),
      change,
      /** Off the true fence, mostly not at all. */
      fenceShift: fc.constantFrom(0, 0, 0, 0, 1, -1),
      /** Whether the attempt in the change is the next one. */
      isNextAttempt: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("late" as const), task: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function createStepRunner(model: TaskModel, store: () => TaskStore) {
  const ids: TaskId[] = [];
  const pick = (index: number): TaskId => ids[index % Math.max(1, ids.length)] ?? systemIds.task();
  const newestOf = (id: TaskId) => model.tasks.get(id)?.attempts.at(-1)?.number ?? 0;

  return (current: Exclude<Step, { kind: "reopen" }>): Promise<void> => {
    if (current.kind === "accept") {
      const key = current.key === null ? null : `key ${current.key}`;
      const task = createSampleTask({}, { idempotencyKey: key, bodyHash: key });
      ids.push(task.message.id);
      const expected = model.accept(task);
      return store()
        .accept(task, "process")
        .then((result) => expect(result).toEqual(expected));
    }
    const id = pick(current.task);
    const newest = newestOf(id);
    if (current.kind === "late") {
      const attempt = createSampleAttempt(nodeIds[0], { number: Math.max(1, newest), isLateResult: true });
      if (newest === 0) return Promise.resolve();
      model.recordLate(id, attempt);
      return store().recordLate(id, attempt);
    }
    const number = Math.max(1, newest + (current.isNextAttempt ? 1 : 0));
    const { attempts, ...rest } = current.change;
    const changed: TaskChange =
      attempts === undefined
        ? rest
        : { ...rest, attempts: attempts.map((attempt) => ({ ...attempt, number })) };
    const fence = Math.max(0, newest + current.fenceShift);
    const expected = model.change(id, fence, changed);
    return store()
      .change(id, { attempt: fence }, changed, "process")
      .then((result) => expect(result).toBe(expected));
  };
}

export function describeTaskModel(subject: StoreUnderTest): void {
  test("behaves as a plain model of tasks does, across restarts and in batches", async () => {
    const model = createTaskModel();
    const run = createStepRunner(model, () => subject.store().tasks);
    // One store serves all runs; every run adds tasks to it, and the whole is compared after each.
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { maxLength: 8 }), { maxLength: 12 }), async (batches) => {
        for (const batch of batches) {
          const calls: Promise<void>[] = [];
          for (const current of batch) {
            if (current.kind !== "reopen") calls.push(run(current));
            else {
              await Promise.all(calls);
              await subject.reopen();
            }
          }
          await Promise.all(calls);
        }
        const { tasks } = subject.store();
        expect(await tasks.listUnfinished()).toEqual(model.unfinished());
        for (const [id, task] of model.tasks) expect(await tasks.get(id)).toEqual(task);
      }),
      { numRuns: 80 },
    );
  }, 30_000);
}
