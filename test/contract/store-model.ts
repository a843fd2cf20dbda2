import { expect, test } from "bun:test";
import fc from "fast-check";
import type { TaskChange } from "../../src/domain/tasks/task.ts";
import { systemIds } from "../../src/platform/ids.ts";
import type { TaskId } from "../../src/protocol/ids.ts";
import type { TaskState } from "../../src/protocol/task.ts";
import type { Durability } from "../../src/store/store.ts";
import type { TaskOutline, TaskStore } from "../../src/store/tasks.ts";
import {
  createSampleAttempt,
  createSampleDecision,
  createSampleTask,
  sampleTimeMs,
} from "../support/store/sample-tasks.ts";
import { anyTask, createTaskModel, type TaskModel } from "../support/store/task-model.ts";
import type { StoreUnderTest } from "./store.ts";

const nodeIds = [systemIds.node(), systemIds.node(), systemIds.node()] as const;
const change: fc.Arbitrary<TaskChange> = fc.record(
  {
    state: fc.constantFrom<TaskState>(
      "queued",
      "running",
      "running",
      "running",
      "succeeded",
      "failed",
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

const durability = fc.constantFrom<Durability>("process", "process", "full");
const delivery = fc.record({
  isSynchronous: fc.boolean(),
  priority: fc.integer({ min: 0, max: 9 }),
  notBeforeMs: fc.option(fc.nat()),
  expiresAtMs: fc.option(fc.nat()),
});

/** One call, a restart, or a jump of the clock. Tasks are named by their place among those made so far. */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("accept" as const),
      key: fc.option(fc.nat(5)),
      delivery,
      durability,
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("change" as const),
      task: fc.nat(),
      change,
      durability,
      /** Off the true fence, mostly not at all. */
      fenceShift: fc.constantFrom(0, 0, 0, 0, 1, -1),
      /** Whether the attempt in the change is the next one. */
      isNextAttempt: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("retry" as const), task: fc.nat(), delivery }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("discard" as const), task: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("late" as const), task: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("jump" as const), byMs: fc.integer({ min: -9e8, max: 9e8 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("delete" as const),
      ageMs: fc.integer({ min: -9e8, max: 9e8 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("list" as const), limit: fc.integer({ min: 1, max: 9 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type Call = Exclude<Step, { kind: "reopen" | "delete" | "list" }>;

/** Ids begin with the time of the wall clock, so one that jumps back makes ids that come before older ones. */
function createTaskId(nowMs: number): TaskId {
  return `task_${Math.floor(nowMs).toString(16).padStart(12, "0")}${systemIds.task().slice(17)}` as TaskId;
}

function createStepRunner(model: TaskModel, store: () => TaskStore) {
  const ids: TaskId[] = [];
  let nowMs = sampleTimeMs;
  const pick = (index: number): TaskId => ids[index % Math.max(1, ids.length)] ?? systemIds.task();
  const newestOf = (id: TaskId) => model.tasks.get(id)?.attempts.at(-1)?.number ?? 0;

  function createTask(message: Parameters<typeof createSampleTask>[1]) {
    nowMs += 1;
    const task = createSampleTask({}, { ...message, id: createTaskId(nowMs), createdAtMs: nowMs });
    ids.push(task.message.id);
    return task;
  }

  async function changeTask({ task, change, durability, ...rest }: Extract<Step, { kind: "change" }>) {
    const id = pick(task);
    const newest = newestOf(id);
    const number = Math.max(1, newest + (rest.isNextAttempt ? 1 : 0));
    const { attempts, ...others } = change;
    const changed: TaskChange =
      attempts === undefined
        ? others
        : { ...others, attempts: attempts.map((attempt) => ({ ...attempt, number })) };
    const fence = Math.max(0, newest + rest.fenceShift);
    const expected = model.change(id, fence, changed);
    expect(await store().change(id, { attempt: fence }, changed, durability)).toBe(expected);
  }

  /** Calls the store before it returns, so that the calls of one batch come in the order of the model's. */
  async function call(current: Call): Promise<void> {
    switch (current.kind) {
      case "jump":
        nowMs += current.byMs;
        return;
      case "accept": {
        const key = current.key === null ? null : `key ${current.key}`;
        const task = createTask({ ...current.delivery, idempotencyKey: key, bodyHash: key });
        const expected = model.accept(task);
        expect(await store().accept(task, current.durability)).toEqual(expected);
        return;
      }
      case "change":
        return changeTask(current);
      case "retry": {
        const task = createTask({ ...current.delivery, retryOf: pick(current.task) });
        const expected = model.acceptRetry(task);
        expect(await store().acceptRetry(task)).toBe(expected);
        return;
      }
      case "discard": {
        const id = pick(current.task);
        const expected = model.discard(id, nowMs);
        expect(await store().discard(id, nowMs)).toBe(expected);
        return;
      }
      case "late": {
        const id = pick(current.task);
        const number = newestOf(id);
        if (number === 0) return;
        const attempt = createSampleAttempt(nodeIds[0], { number, isLateResult: true });
        model.recordLate(id, attempt);
        await store().recordLate(id, attempt);
        return;
      }
      default:
        current satisfies never;
    }
  }

  return {
    call,
    /** Steps over all that is old enough. A clock that jumped back may keep some of it, for a later sweep. */
    sweep: async (ageMs: number) => {
      const endedBeforeMs = nowMs - ageMs;
      let after: TaskId | null = null;
      do {
        const deletion: Awaited<ReturnType<TaskStore["deleteFinished"]>> = await store().deleteFinished({
          endedBeforeMs,
          after,
          limit: 2,
        });
        after = deletion.next;
      } while (after !== null);
      model.deleteFinished(endedBeforeMs);
    },
    compareLists: async (limit: number) => {
      const outlines: TaskOutline[] = [];
      let after: TaskId | null = null;
      do {
        const page: Awaited<ReturnType<TaskStore["list"]>> = await store().list(anyTask, {
          after,
          limit,
          order: "oldest",
        });
        outlines.push(...page.tasks);
        after = page.next;
      } while (after !== null);
      expect(outlines).toEqual([...model.list(anyTask)]);
    },
  };
}

export function describeTaskModel(subject: StoreUnderTest): void {
  test("behaves as a plain model of tasks does, across restarts and jumps of the clock, in batches", async () => {
    const model = createTaskModel();
    const run = createStepRunner(model, () => subject.store().tasks);
    // One store serves all runs; every run adds tasks to it, and the whole is compared after each.
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { maxLength: 8 }), { maxLength: 12 }), async (batches) => {
        for (const batch of batches) {
          let calls: Promise<void>[] = [];
          const settle = async () => {
            await Promise.all(calls);
            calls = [];
          };
          for (const current of batch) {
            if (current.kind === "reopen") await settle().then(subject.reopen);
            else if (current.kind === "delete") await settle().then(() => run.sweep(current.ageMs));
            else if (current.kind === "list") await settle().then(() => run.compareLists(current.limit));
            else calls.push(run.call(current));
          }
          await settle();
        }
        const { tasks } = subject.store();
        expect(await tasks.listUnfinished()).toEqual(model.unfinished());
        expect(await tasks.count()).toBe(model.tasks.size);
        for (const [id, task] of model.tasks) expect(await tasks.get(id)).toEqual(task);
      }),
      { numRuns: 80 },
    );
  }, 60_000);
}
