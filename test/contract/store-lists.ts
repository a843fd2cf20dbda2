import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Task } from "../../src/domain/tasks/task.ts";
import { systemIds } from "../../src/platform/ids.ts";
import { FailureClass, RuntimeErrorKind } from "../../src/protocol/failure.ts";
import type { TaskId } from "../../src/protocol/ids.ts";
import { contentPreviewLength, TaskState } from "../../src/protocol/task.ts";
import { maxScannedRows, type TaskListing, type TaskOutline, type TaskQuery } from "../../src/store/tasks.ts";
import { createSampleAttempt, createSampleTask, sampleTimeMs } from "../support/store/sample-tasks.ts";
import { anyTask, createTaskModel, toOutline } from "../support/store/task-model.ts";
import type { StoreUnderTest } from "./store.ts";

const nodeIds = [systemIds.node(), systemIds.node(), systemIds.node()] as const;
const subjects = ["token_admin", "token_a"] as const;
const sources = ["cli", "cli%", "cli_", "CLI", "telegram:1", "telegram:12", "电", "a\u0000b", "a"] as const;
const sessions = ["garden", "Garden", "'; drop table tasks; --"] as const;
const targets = ["mac-nodes", "linux-gpu"] as const;
const labelKeys = ["team", "a.b", 'quo"te', "$", "红", "back\\slash", "li\nne"] as const;
const labelValues = ["红", "blue", ""] as const;
const classes = FailureClass.options;
const kinds = RuntimeErrorKind.options;

const labels = fc.dictionary(fc.constantFrom(...labelKeys), fc.constantFrom(...labelValues), { maxKeys: 3 });
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { freq: 3 });
const rarely = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, arbitrary);

const someTask: fc.Arbitrary<Task> = fc
  .record({
    state: fc.constantFrom(...TaskState.options, "failed" as const, "failed" as const),
    nodeId: orNull(fc.constantFrom(...nodeIds)),
    failure: orNull(
      fc.oneof(
        fc.record({ class: fc.constantFrom(...classes) }),
        fc.record({ class: fc.constant("runtime_error" as const), kind: fc.constantFrom(...kinds) }),
      ),
    ),
    isDiscarded: fc.boolean(),
    message: fc.record({
      subject: fc.constantFrom(...subjects),
      content: fc.string({ minLength: 1, maxLength: 2 * contentPreviewLength }),
      source: fc.constantFrom(...sources),
      session: orNull(fc.constantFrom(...sessions)),
      target: orNull(fc.constantFrom(...targets)),
      labels,
      isSynchronous: fc.boolean(),
      priority: fc.integer({ min: 0, max: 9 }),
      notBeforeMs: orNull(fc.nat()),
      expiresAtMs: orNull(fc.nat()),
      createdAtMs: fc.integer({ min: sampleTimeMs, max: sampleTimeMs + 10 }),
    }),
  })
  .map(({ state, nodeId, failure, isDiscarded, message }) =>
    createSampleTask(
      {
        state,
        nodeId,
        failure: failure === null ? null : { ...failure, message: "no" },
        attempts: nodeId === null ? [] : [createSampleAttempt(nodeId)],
      },
      { ...message, session: isDiscarded ? "discarded" : message.session },
    ),
  );

const query: fc.Arbitrary<TaskQuery> = fc.record({
  subject: rarely(fc.constantFrom(...subjects)),
  states: rarely(fc.subarray([...TaskState.options])),
  nodeIds: rarely(fc.subarray([...nodeIds])),
  target: rarely(fc.constantFrom(...targets)),
  source: rarely(
    fc.record({ text: fc.constantFrom(...sources, "tele", "c", "%", "a\u0000", ""), isPrefix: fc.boolean() }),
  ),
  session: rarely(fc.constantFrom(...sessions, "discarded")),
  labels: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, labels),
  failureClasses: rarely(fc.subarray([...classes])),
  failureKinds: rarely(fc.subarray([...kinds])),
  sinceMs: rarely(fc.integer({ min: sampleTimeMs, max: sampleTimeMs + 10 })),
  untilMs: rarely(fc.integer({ min: sampleTimeMs, max: sampleTimeMs + 10 })),
  isDeadLetter: rarely(fc.boolean()),
});

export function describeLists(subject: StoreUnderTest): void {
  const tasks = () => subject.store().tasks;

  /** Reads page after page, as a client does. */
  async function readAll(wanted: TaskQuery, order: "newest" | "oldest", limit: number) {
    const outlines: TaskOutline[] = [];
    let after: TaskId | null = null;
    do {
      const listing: TaskListing = await tasks().list(wanted, { after, limit, order });
      expect(listing.tasks.length).toBeLessThanOrEqual(limit);
      outlines.push(...listing.tasks);
      after = listing.next;
    } while (after !== null);
    return outlines;
  }

  describe("the list of tasks", () => {
    test("shows what a plain filter over all tasks shows, page by page, in both orders", async () => {
      const model = createTaskModel();
      const [some = []] = fc.sample(fc.array(someTask, { minLength: 60, maxLength: 60 }), {
        numRuns: 1,
        seed: 7,
      });
      for (const task of some) model.accept(task);
      await Promise.all(some.map((task) => tasks().accept(task, "process")));
      for (const { message, state } of some.filter(({ message }) => message.session === "discarded")) {
        if (state !== "failed") continue;
        model.discard(message.id, 9);
        await tasks().discard(message.id, 9);
      }
      await fc.assert(
        fc.asyncProperty(query, fc.integer({ min: 1, max: 20 }), async (wanted, limit) => {
          const expected = model.list(wanted);
          expect(await readAll(wanted, "oldest", limit)).toEqual([...expected]);
          expect(await readAll(wanted, "newest", limit)).toEqual([...expected].reverse());
        }),
        { numRuns: 300 },
      );
    }, 30_000);

    test("says that nothing follows when the last page is full", async () => {
      const some = [createSampleTask(), createSampleTask()];
      for (const task of some) await tasks().accept(task, "process");
      const listing = await tasks().list(anyTask, { after: null, limit: 2, order: "oldest" });
      expect(listing).toEqual({ tasks: some.map(toOutline), next: null });
      expect(await tasks().list(anyTask, { after: null, limit: 1, order: "oldest" })).toMatchObject({
        next: some[0]?.message.id,
      });
    });

    test("finds dead letters and waiting tasks at once, however many others there are", async () => {
      const wanted = [createSampleTask({ state: "failed" }), createSampleTask({ state: "running" })];
      const many = Array.from({ length: maxScannedRows + 10 }, () =>
        createSampleTask({ state: "succeeded" }),
      );
      await Promise.all([...wanted, ...many].map((task) => tasks().accept(task, "process")));
      const page = { after: null, limit: 10, order: "newest" } as const;
      const dead = await tasks().list({ ...anyTask, isDeadLetter: true }, page);
      expect(dead).toEqual({ tasks: wanted.slice(0, 1).map(toOutline), next: null });
      const open = await tasks().list({ ...anyTask, states: ["queued", "running"] }, page);
      expect(open).toEqual({ tasks: wanted.slice(1).map(toOutline), next: null });
      // The rare one is on the second page; the first is empty and tells where to go on.
      const failed = { ...anyTask, states: ["failed"] } as const;
      const first = await tasks().list(failed, page);
      expect(first).toEqual({ tasks: [], next: many[10]?.message.id ?? null });
      expect(await tasks().list(failed, { ...page, after: first.next })).toEqual(dead);
      expect(await tasks().count()).toBe(maxScannedRows + 12);
    });

    test("goes on where it was although tasks came and went", async () => {
      const some = Array.from({ length: 6 }, (_, index) =>
        createSampleTask({ state: "failed", endedAtMs: index }),
      );
      for (const task of some) await tasks().accept(task, "process");
      const first = await tasks().list(anyTask, { after: null, limit: 2, order: "oldest" });
      expect(first.tasks.map((task) => task.id)).toEqual(some.slice(0, 2).map((task) => task.message.id));
      await tasks().deleteFinished({ endedBeforeMs: 3, after: null, limit: 10 });
      const late = createSampleTask();
      await tasks().accept(late, "process");
      const second = await tasks().list(anyTask, { after: first.next, limit: 9, order: "oldest" });
      expect(second.tasks.map((task) => task.id)).toEqual(
        [...some.slice(3), late].map((task) => task.message.id),
      );
    });

    test("shows the beginning of a long text, without half of a character", async () => {
      const contents = {
        long: "长".repeat(1000),
        pairs: `a${"🪶".repeat(300)}`,
        zero: `\u0000${"b".repeat(9)}`,
        short: "ü",
      };
      for (const content of Object.values(contents)) {
        await tasks().accept(createSampleTask({}, { content }), "process");
      }
      const { tasks: outlines } = await tasks().list(anyTask, { after: null, limit: 9, order: "oldest" });
      expect(outlines.map((outline) => outline.contentPreview)).toEqual([
        "长".repeat(contentPreviewLength),
        `a${"🪶".repeat(contentPreviewLength / 2 - 1)}`,
        contents.zero,
        contents.short,
      ]);
    });

    test("counts nothing in an empty store and shows nothing", async () => {
      expect(await tasks().count()).toBe(0);
      expect(await tasks().list(anyTask, { after: null, limit: 9, order: "newest" })).toEqual({
        tasks: [],
        next: null,
      });
    });
  });
}
