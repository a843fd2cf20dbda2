import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { endDoubtfulTasks } from "../../../src/coordinator/tasks/restoration.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemIds } from "../../../src/platform/ids.ts";
import { type Log, silentLog } from "../../../src/platform/log.ts";
import { closeDatabase, openDatabase } from "../../../src/platform/sqlite.ts";
import { listBackups } from "../../../src/platform/sqlite-backups.ts";
import { createLiveBackup } from "../../../src/platform/sqlite-live-backup.ts";
import { migrations } from "../../../src/store/sqlite/migrations/index.ts";
import { createSqliteStore } from "../../../src/store/sqlite/sqlite-store.ts";
import { markBackup } from "../../../src/store/sqlite/statements/meta.ts";
import { createSampleRunningTask, createSampleTask } from "../../support/store/sample-tasks.ts";
import { createTempDir } from "../../support/temp-dir.ts";
import { createTestCoordinator } from "../../support/test-coordinator.ts";

const nodeId = systemIds.node();

test("what is unfinished in a restored backup is not run again unless that is harmless", async () => {
  await using directory = await createTempDir();
  const file = join(directory.path, "mesh.db");
  const open = () => createSqliteStore({ file, clock: systemClock, ids: systemIds });
  const queued = { isSynchronous: false } as const;
  const unsafe = createSampleTask({}, queued);
  const safe = createSampleTask({}, { ...queued, effects: "safe" });
  const running = createSampleRunningTask(nodeId, queued);
  const first = await open();
  for (const task of [unsafe, safe, running]) await first.tasks.accept(task, "full");
  await first.close();

  const database = openDatabase({ file, migrations, clock: systemClock });
  const backup = createLiveBackup({
    database,
    file,
    version: migrations.length,
    clock: systemClock,
    markBackup,
  });
  const beforeMs = systemClock.nowMs();
  const copy = await backup.save();
  closeDatabase(database);
  await backup.release();
  expect(listBackups(file)).toEqual([copy]);

  const warnings: [string, unknown][] = [];
  const log: Log = { ...silentLog, warn: (text, facts) => warnings.push([text, facts]) };
  const endDoubtful = (store: typeof first) =>
    endDoubtfulTasks({ store: store.tasks, mark: store.backupMark, clock: systemClock, log });

  // The database itself is none.
  const same = await open();
  await endDoubtful(same);
  expect(await same.tasks.listUnfinished()).toEqual([unsafe, safe, running]);
  await same.close();
  expect(warnings).toEqual([]);

  rmSync(file);
  copyFileSync(copy, file);
  const restored = await open();
  const madeAt = (await restored.backupMark.load()) ?? "";
  expect(Date.parse(madeAt)).toBeGreaterThanOrEqual(beforeMs);
  await endDoubtful(restored);
  expect(await restored.tasks.listUnfinished()).toEqual([safe]);
  const failure = { class: "outcome_unknown", message: expect.stringContaining(madeAt) };
  expect(await restored.tasks.get(unsafe.message.id)).toMatchObject({
    state: "failed",
    failure,
    attempts: [],
  });
  expect(await restored.tasks.get(running.message.id)).toMatchObject({
    state: "failed",
    failure,
    attempts: [{ state: "lost", failure }],
  });
  expect(warnings).toEqual([[expect.any(String), { backupMadeAt: madeAt, ended: 2, goOn: 1 }]]);

  // It was dealt with: the next start leaves what came later alone.
  const later = createSampleTask({}, queued);
  await restored.tasks.accept(later, "full");
  await restored.close();
  const next = await open();
  await endDoubtful(next);
  expect(await next.tasks.listUnfinished()).toEqual([safe, later]);
  await next.close();
  expect(warnings).toHaveLength(1);
});

test("a coordinator on a restored backup offers nothing that may have run since", async () => {
  await using mesh = await createTestCoordinator();
  const submit = async (effects: string) =>
    (await mesh.call("POST", "/api/v1/tasks", { body: { content: "order it", effects } })).body.id;
  const [unsafe, safe] = [await submit("unsafe"), await submit("safe")];
  await mesh.stop();
  const database = new Database(join(mesh.dataDir, "mesh.db"));
  markBackup(database, 1);
  database.close();
  await mesh.restart();
  expect((await mesh.call("GET", `/api/v1/tasks/${unsafe}`)).body).toMatchObject({
    state: "failed",
    failure: { class: "outcome_unknown" },
  });
  const node = await mesh.join({ name: "worker" });
  expect(await node.nextOffer()).toMatchObject({ task: safe });
});
