import { expect, test } from "bun:test";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { defaultRetryPolicy } from "../../domain/tasks/retry-policy.ts";
import type { TaskChange, TaskMessage } from "../../domain/tasks/task.ts";
import { queued } from "../../domain/tasks/task-fixture.ts";
import { systemClock } from "../../platform/clock.ts";
import { createDeadlines, resolutionMs } from "../../platform/deadlines.ts";
import { type Log, silentLog } from "../../platform/log.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { NodeId, TaskId } from "../../protocol/ids.ts";
import type { Durability } from "../../store/store.ts";
import { StoreClosedError } from "../../store/store-closed.ts";
import { createTaskWriter, firstRetryMs, maxRetryMs, tellAgainMs } from "./task-writer.ts";

const opened: TaskChange = {
  state: "running",
  attempts: [
    {
      number: 1,
      nodeId: "node_1" as NodeId,
      nodeName: "n1",
      state: "offered",
      offeredAtMs: 1,
      startedAtMs: null,
      endedAtMs: null,
      failure: null,
      isLateResult: false,
    },
  ],
};
const unsafeQueued = queued({ effects: "unsafe", isSynchronous: false }).message;
const unsafeWaited = queued({ effects: "unsafe", isSynchronous: true, idempotencyKey: null }).message;

test.each<[string, TaskMessage, TaskChange, Durability]>([
  ["an offer that may not be made twice is on the disk first", unsafeQueued, opened, "full"],
  [
    "so is one of a safe task that is not repeated after a loss",
    {
      ...queued({ effects: "safe", isSynchronous: false }).message,
      retry: { ...defaultRetryPolicy, on: new Set() },
    },
    opened,
    "full",
  ],
  [
    "so is one of a synchronous message with a key",
    { ...unsafeWaited, idempotencyKey: "key" },
    opened,
    "full",
  ],
  ["one of a message that ends with its client need not be", unsafeWaited, opened, "process"],
  ["one that may be made twice need not be", { ...unsafeQueued, effects: "safe" }, opened, "process"],
  [
    "a cancelled task is on the disk before anybody is told",
    unsafeWaited,
    { state: "cancelled", endedAtMs: 1 },
    "full",
  ],
  [
    "a cancel that the node has yet to follow need not be",
    unsafeQueued,
    { cancelRequestedAtMs: 1 },
    "process",
  ],
  [
    "an outcome need not be: the node keeps it until it is",
    unsafeQueued,
    { state: "succeeded", endedAtMs: 1 },
    "process",
  ],
])("%s", async (_what, message, change, durability) => {
  const seen: Durability[] = [];
  const store = {
    change: async (_id: TaskId, _fence: unknown, _change: TaskChange, asked: Durability) => {
      seen.push(asked);
      return true;
    },
  };
  const writer = createTaskWriter(store, createDeadlines(systemClock), silentLog);
  await writer.write("task_1" as TaskId, { message, fence: { attempt: 0 }, change }, () => undefined);
  expect(seen).toEqual([durability]);
});

const id = "task_1" as TaskId;
const unavailable = new MeshError("STORE_UNAVAILABLE", "the disk is full");

/** A store that fails so often with the error, and says nothing else. */
function open(error: Error, failures: number) {
  const clock = createManualClock();
  const logged: string[] = [];
  const triedAtMs: number[] = [];
  const log: Log = { ...silentLog, error: (text) => logged.push(text) };
  const startMs = clock.monotonicMs();
  const store = {
    change: async () => {
      triedAtMs.push(clock.monotonicMs() - startMs);
      if (triedAtMs.length <= failures) throw error;
      return true;
    },
  };
  const writer = createTaskWriter(store, createDeadlines(clock), log);
  let delays = 0;
  const write = () =>
    writer.write(id, { message: unsafeQueued, fence: { attempt: 1 }, change: { state: "succeeded" } }, () => {
      delays += 1;
    });
  /** Lets time go by, and what follows from it. */
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += resolutionMs) {
      clock.advance(resolutionMs);
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    }
  };
  return { writer, write, pass, logged, triedAtMs, delays: () => delays };
}

test("a change that the store cannot take is tried again with growing pauses, and told of every minute", async () => {
  const { write, pass, logged, triedAtMs, delays } = open(unavailable, 40);
  const written = write();
  await pass(2 * tellAgainMs + maxRetryMs);
  expect(logged).toHaveLength(3);
  expect(delays()).toBe(1);
  const pauses = triedAtMs.slice(1).map((atMs, index) => atMs - (triedAtMs[index] ?? 0));
  expect(Math.max(...pauses)).toBeLessThanOrEqual(maxRetryMs + resolutionMs);
  expect(pauses.slice(0, 3).map((pauseMs) => Math.round(pauseMs / firstRetryMs))).toEqual([1, 2, 4]);
  await pass(40 * maxRetryMs);
  await written;
  expect(triedAtMs).toHaveLength(41);
});

test.each([
  ["a closed store", new StoreClosedError()],
  ["a damaged database", new MeshError("STORE_CORRUPT", "damaged")],
  ["a fault of this program", new Error("a bug")],
])("%s is not tried again, and nothing further of that task is", async (_what, error) => {
  const { writer, write, logged, triedAtMs, delays } = open(error, 1);
  await expect(write()).rejects.toBe(error);
  expect(delays()).toBe(1);
  expect(logged).toHaveLength(1);
  expect(writer.isIdle()).toBe(true);
  // Its record is not where this process believes it to be.
  await expect(write()).rejects.toBe(error);
  await expect(writer.settled(id)).rejects.toBe(error);
  expect(triedAtMs).toHaveLength(1);
});

test("a full commit whose flush failed counts as stored when the next try finds it", async () => {
  const clock = createManualClock();
  const logged: string[] = [];
  let tries = 0;
  const store = {
    change: async () => {
      tries += 1;
      if (tries === 1) throw unavailable;
      return false;
    },
  };
  const log: Log = { ...silentLog, error: (text) => logged.push(text) };
  const writer = createTaskWriter(store, createDeadlines(clock), log);
  const change = { state: "cancelled", endedAtMs: 1 } as const;
  const written = writer.write(id, { message: unsafeQueued, fence: { attempt: 0 }, change }, () => undefined);
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  clock.advance(2 * firstRetryMs);
  await written;
  expect(logged).toEqual(["a change of a task could not be stored; trying again"]);
});
