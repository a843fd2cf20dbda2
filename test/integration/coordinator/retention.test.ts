import { expect, test } from "bun:test";
import { join } from "node:path";
import type { MeshEvents } from "../../../src/coordinator/events/mesh-events.ts";
import { createRetention, roundIntervalMs, stepPauseMs } from "../../../src/coordinator/tasks/retention.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { createEventEmitter } from "../../../src/platform/event-emitter.ts";
import { systemIds } from "../../../src/platform/ids.ts";
import { silentLog } from "../../../src/platform/log.ts";
import { nextLoopTurn } from "../../../src/platform/loop-turn.ts";
import { createSqliteStore } from "../../../src/store/sqlite/sqlite-store.ts";
import { createManualClock } from "../../support/manual-clock.ts";
import { createSampleTask } from "../../support/store/sample-tasks.ts";
import { createTempDir } from "../../support/temp-dir.ts";

const dayMs = 24 * 3600 * 1000;

test("what is old or too much goes from the database in small steps, oldest first; what has not ended stays", async () => {
  await using dir = await createTempDir();
  const store = await createSqliteStore({
    file: join(dir.path, "mesh.db"),
    clock: systemClock,
    ids: systemIds,
  });
  await using _ = { [Symbol.asyncDispose]: () => store.close() };
  const clock = createManualClock();
  const nowMs = clock.nowMs();
  /** 50 unfinished, then 500 old, then 1,000 young. */
  const tasks = Array.from({ length: 1_550 }, (_, index) => {
    const endedAtMs = index < 50 ? null : nowMs - (index < 550 ? 40 : 2) * dayMs;
    const createdAtMs = (endedAtMs ?? nowMs - 50 * dayMs) - 1000;
    const parts = endedAtMs === null ? {} : ({ state: "succeeded", endedAtMs } as const);
    return createSampleTask(parts, { createdAtMs });
  });
  await Promise.all(tasks.map((task) => store.tasks.accept(task, "process")));

  const events = createEventEmitter<MeshEvents>();
  const deleted: number[] = [];
  events.on("tasks.deleted", ({ count }) => deleted.push(count));
  const policy = { days: 30, maxTasks: 950 };
  const retention = createRetention({
    store: store.tasks,
    unfinished: () => 50,
    policy,
    events,
    clock,
    log: silentLog,
  });
  retention.start();
  clock.advance(roundIntervalMs);
  while ((await store.tasks.count()) > 1_000) {
    await nextLoopTurn();
    clock.advance(stepPauseMs);
  }
  await retention.stop();

  expect(await store.tasks.count()).toBe(1_000);
  expect(Math.max(...deleted)).toBeLessThanOrEqual(200);
  expect(deleted.reduce((sum, count) => sum + count, 0)).toBe(550);
  const isThere = async (index: number) =>
    (await store.tasks.get(tasks[index]?.message.id ?? systemIds.task())) !== null;
  expect(await store.tasks.listUnfinished()).toHaveLength(50);
  expect(await Promise.all([isThere(0), isThere(50), isThere(599), isThere(600)])).toEqual([
    true,
    false,
    false,
    true,
  ]);
});
