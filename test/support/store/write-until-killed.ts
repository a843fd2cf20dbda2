import { writeSync } from "node:fs";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemIds } from "../../../src/platform/ids.ts";
import type { TaskId } from "../../../src/protocol/ids.ts";
import { createSqliteStore } from "../../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../../src/store/store.ts";
import { createSampleAttempt, createSampleRunningTask, createSampleTask } from "./sample-tasks.ts";

/**
 * Writes tasks until it is killed. Prints `accepted <id>`, `finished <id>`, `failed <id>`, `retried <id> <new id>` and
 * `discarded <id>` when the store has resolved the write, before anything else is done.
 * Usage: bun write-until-killed.ts <database file>
 */
const inFlight = 16;

const failure = { class: "timeout", message: "took too long" } as const;

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

/** Lets a task fail, and runs it again or discards it. */
async function failOne(store: Store, id: TaskId, count: number): Promise<void> {
  await store.tasks.change(id, { attempt: 1 }, { state: "failed", failure, endedAtMs: count }, "process");
  say(`failed ${id}`);
  if (count % 2 === 0) {
    await store.tasks.discard(id, count);
    say(`discarded ${id}`);
    return;
  }
  const retry = createSampleTask({}, { retryOf: id });
  await store.tasks.acceptRetry(retry);
  say(`retried ${id} ${retry.message.id}`);
}

async function writeForEver(store: Store): Promise<void> {
  const nodeId = systemIds.node();
  for (let count = 0; ; count += 1) {
    const task = createSampleRunningTask(nodeId);
    const { id } = task.message;
    const durability = count % 3 === 0 ? "full" : "process";
    await store.tasks.accept(task, durability);
    say(`accepted ${id}`);
    if (count % 5 === 0) {
      await failOne(store, id, count);
      continue;
    }
    const attempts = [createSampleAttempt(nodeId, { state: "finished" })];
    await store.tasks.change(id, { attempt: 1 }, { state: "succeeded", response: id, attempts }, durability);
    say(`finished ${id}`);
  }
}

const store = await createSqliteStore({ file: process.argv[2] ?? "", clock: systemClock, ids: systemIds });
await Promise.all(Array.from({ length: inFlight }, () => writeForEver(store)));
