import { writeSync } from "node:fs";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemIds } from "../../../src/platform/ids.ts";
import { createSqliteStore } from "../../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../../src/store/store.ts";
import { createSampleAttempt, createSampleRunningTask } from "./sample-tasks.ts";

/**
 * Writes tasks until it is killed. Prints `accepted <id>` and `finished <id>` when the store has resolved the write,
 * before anything else is done.
 * Usage: bun write-until-killed.ts <database file>
 */
const inFlight = 16;

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

async function writeForEver(store: Store): Promise<void> {
  const nodeId = systemIds.node();
  for (let count = 0; ; count += 1) {
    const task = createSampleRunningTask(nodeId);
    const { id } = task.message;
    const durability = count % 3 === 0 ? "full" : "process";
    await store.tasks.accept(task, durability);
    say(`accepted ${id}`);
    const attempts = [createSampleAttempt(nodeId, { state: "finished" })];
    await store.tasks.change(id, { attempt: 1 }, { state: "succeeded", response: id, attempts }, durability);
    say(`finished ${id}`);
  }
}

const store = await createSqliteStore({ file: process.argv[2] ?? "", clock: systemClock, ids: systemIds });
await Promise.all(Array.from({ length: inFlight }, () => writeForEver(store)));
