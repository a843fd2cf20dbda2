import { expect, test } from "bun:test";
import type { TaskChange } from "../../domain/tasks/task.ts";
import { systemClock } from "../../platform/clock.ts";
import { createDeadlines } from "../../platform/deadlines.ts";
import { silentLog } from "../../platform/log.ts";
import type { TaskId } from "../../protocol/ids.ts";
import type { Durability } from "../../store/store.ts";
import { createTaskWriter } from "./task-writer.ts";

test.each<[string, TaskChange, Durability]>([
  ["a cancelled task is on the disk before anybody is told", { state: "cancelled", endedAtMs: 1 }, "full"],
  ["a cancel that the node has yet to follow need not be", { cancelRequestedAtMs: 1 }, "process"],
  ["an outcome need not be: the node keeps it until it is", { state: "succeeded", endedAtMs: 1 }, "process"],
])("%s", async (_what, change, durability) => {
  const seen: Durability[] = [];
  const store = {
    change: async (_id: TaskId, _fence: unknown, _change: TaskChange, asked: Durability) => {
      seen.push(asked);
      return true;
    },
  };
  const writer = createTaskWriter(store, createDeadlines(systemClock), silentLog);
  await writer.write("task_1" as TaskId, { fence: { attempt: 0 }, change }, () => undefined);
  expect(seen).toEqual([durability]);
});
