import { expect, test } from "bun:test";
import { createSampleTask } from "../../../test/support/store/sample-tasks.ts";
import type { Task } from "../../domain/tasks/task.ts";
import { createLiveTask } from "./live-task.ts";
import { createRepeatGuard } from "./repeats.ts";

const message = createSampleTask({}, { idempotencyKey: "key", bodyHash: "00" }).message;

function open(known: Task | null) {
  let accepted = 0;
  const submit = createRepeatGuard({
    store: { findByKey: async () => known },
    findLive: () => null,
    accept: async (one) => {
      accepted += 1;
      return createLiveTask(createSampleTask({}, one), 0);
    },
  });
  return { submit, accepted: () => accepted };
}

test("a repeat of an ended task gets that task", async () => {
  const ended = createSampleTask({ state: "succeeded", endedAtMs: 1, response: "done" }, message);
  const { submit, accepted } = open(ended);
  const one = await submit(message);
  expect(await one.ended.promise).toBe(ended);
  expect(accepted()).toBe(0);
});

test("a repeat of a task that has not ended, and that nobody goes on with, is refused instead of promised", async () => {
  for (const state of ["queued", "running"] as const) {
    const { submit, accepted } = open(createSampleTask({ state }, message));
    await expect(submit(message)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(accepted()).toBe(0);
  }
});
