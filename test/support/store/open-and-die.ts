import { writeSync } from "node:fs";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemIds } from "../../../src/platform/ids.ts";
import { createSqliteStore } from "../../../src/store/sqlite/sqlite-store.ts";
import { createSampleTask } from "./sample-tasks.ts";

/**
 * `accept`: commits a task that has a key without flushing it, says so, and is killed. `find`: looks for that key, says
 * so, and is killed.
 * Usage: bun open-and-die.ts <database file> accept|find
 */
const [, , file = "", what] = process.argv;
const { tasks } = await createSqliteStore({ file, clock: systemClock, ids: systemIds });
const task = createSampleTask({}, { idempotencyKey: "key", bodyHash: "00" });
if (what === "accept") {
  await tasks.accept(task, "process");
  writeSync(1, "accepted\n");
} else if ((await tasks.findByKey(task.message.subject, "key")) !== null) {
  writeSync(1, "found\n");
}
process.kill(process.pid, "SIGKILL");
