import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { createManualClock } from "../../../../test/support/manual-clock.ts";
import { createSampleTask } from "../../../../test/support/store/sample-tasks.ts";
import { migrations } from "../migrations/index.ts";
import { prepareAcceptTask } from "./accept-task.ts";
import { maxDeleteMs, prepareDeleteFinishedTasks } from "./delete-finished-tasks.ts";

test("a step ends when its time is over, after one task at least, and says where to go on", () => {
  const database = new Database(":memory:", { strict: true });
  for (const sql of migrations) database.run(sql);
  const accept = prepareAcceptTask(database);
  const tasks = Array.from({ length: 5 }, () => createSampleTask({ state: "succeeded", endedAtMs: 1 }));
  for (const task of tasks) accept(task);
  let passedMs = 0;
  /** Time that goes by whenever somebody looks. */
  const clock = (stepMs: number) => ({
    ...createManualClock(),
    monotonicMs: () => {
      passedMs += stepMs;
      return passedMs;
    },
  });
  const step = { endedBeforeMs: 2, after: null, limit: 10 };
  const idOf = (index: number) => tasks[index]?.message.id ?? null;
  const slow = prepareDeleteFinishedTasks(database, clock(maxDeleteMs))(step);
  expect(slow).toEqual({ deleted: 1, next: idOf(0) });
  const quicker = prepareDeleteFinishedTasks(database, clock(maxDeleteMs / 2));
  expect(quicker({ ...step, after: slow.next })).toEqual({ deleted: 2, next: idOf(2) });
  expect(quicker({ ...step, after: idOf(2) })).toEqual({ deleted: 2, next: null });
  database.close();
});
