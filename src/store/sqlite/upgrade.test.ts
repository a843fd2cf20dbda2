import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { createSampleAttempt, createSampleDecision } from "../../../test/support/store/sample-tasks.ts";
import { anyTask } from "../../../test/support/store/task-model.ts";
import { createTempDir } from "../../../test/support/temp-dir.ts";
import { defaultRetryPolicy } from "../../domain/tasks/retry-policy.ts";
import { systemClock } from "../../platform/clock.ts";
import { systemIds } from "../../platform/ids.ts";
import { closeDatabase, openDatabase } from "../../platform/sqlite.ts";
import { listBackups } from "../../platform/sqlite-backups.ts";
import { migrations } from "./migrations/index.ts";
import { createSqliteStore } from "./sqlite-store.ts";

const nodeId = systemIds.node();

/** Rows as version 1 wrote them; ids in the order of their acceptance. */
const rows = [
  { state: "succeeded", isCancelRequested: 0, response: "r".repeat(100_000), key: "key-1" },
  { state: "cancelled", isCancelRequested: 1, response: null, key: null },
  { state: "running", isCancelRequested: 1, response: null, key: null },
  { state: "queued", isCancelRequested: 0, response: null, key: null },
].map((row, index) => ({
  ...row,
  id: systemIds.task(),
  createdAtMs: 1_000 + index,
  content: "hello ".repeat(index === 0 ? 10_000 : 1),
}));

function writeVersion1(file: string): void {
  const database = openDatabase({ file, migrations: migrations.slice(0, 1), clock: systemClock });
  database.run("insert into meta values ('mesh_id', ?)", [`mesh_${"a".repeat(32)}`]);
  for (const row of rows) {
    database.run(
      `insert into tasks (
        id, state, attempt, is_cancel_requested, ended_at_ms, node_id, subject, source, session, target, effects,
        infer, timeout_ms, created_at_ms, idempotency_key, body_hash, requires, labels, failure, attempts, decision,
        content, response
      ) values (?, ?, 1, ?, 2000, ?, 'token_admin', 'cli', 'garden', 'mac', 'safe', 0, 60000, ?, ?, 'ab', ?, ?, null, ?, ?, ?, ?)`,
      [
        row.id,
        row.state,
        row.isCancelRequested,
        nodeId,
        row.createdAtMs,
        row.key,
        '{"gpu":true}',
        '{"team":"a"}',
        JSON.stringify([createSampleAttempt(nodeId)]),
        JSON.stringify(createSampleDecision(nodeId)),
        row.content,
        row.response,
      ],
    );
  }
  closeDatabase(database);
}

test("a database of version 1 is upgraded with all that it holds, and backed up before", async () => {
  await using directory = await createTempDir();
  const file = join(directory.path, "mesh.db");
  writeVersion1(file);
  const store = await createSqliteStore({ file, clock: systemClock, ids: systemIds });
  for (const row of rows) {
    expect(await store.tasks.get(row.id)).toEqual({
      message: {
        id: row.id,
        subject: "token_admin",
        content: row.content,
        source: "cli",
        session: "garden",
        requires: { gpu: true },
        labels: { team: "a" },
        target: "mac",
        effects: "safe",
        infer: false,
        timeoutMs: 60_000,
        createdAtMs: row.createdAtMs,
        isSynchronous: true,
        priority: 5,
        notBeforeMs: null,
        expiresAtMs: null,
        retry: defaultRetryPolicy,
        isUntrusted: false,
        allowedGroups: null,
        address: null,
        retryOf: null,
        idempotencyKey: row.key,
        bodyHash: "ab",
      },
      state: row.state as "queued",
      // When it was asked for was not kept.
      cancelRequestedAtMs: row.isCancelRequested === 1 ? row.createdAtMs : null,
      endedAtMs: 2000,
      nodeId,
      response: row.response,
      failure: null,
      decision: createSampleDecision(nodeId),
      attempts: [createSampleAttempt(nodeId)],
      retriedAs: null,
      discardedAtMs: null,
    });
  }
  const unfinished = await store.tasks.listUnfinished();
  expect(unfinished.map((task) => task.message.id)).toEqual(rows.slice(2).map((row) => row.id));
  const { tasks } = await store.tasks.list(anyTask, { after: null, limit: 9, order: "oldest" });
  expect(tasks.map((task) => task.id)).toEqual(rows.map((row) => row.id));
  expect(tasks.map((task) => task.contentPreview)).toEqual(rows.map((row) => row.content.slice(0, 200)));
  expect((await store.tasks.findByKey("token_admin", "key-1"))?.message.id).toBe(rows[0]?.id);
  await store.close();
  const upgraded = new Database(file, { readonly: true });
  const previews = upgraded.query("select length(content_preview) as length from tasks order by id").all();
  expect(previews).toEqual([{ length: 200 }, { length: null }, { length: null }, { length: null }]);
  upgraded.close();

  const [backup = ""] = listBackups(file);
  const old = new Database(backup, { readonly: true });
  expect(old.query("select user_version from pragma_user_version").get()).toEqual({ user_version: 1 });
  expect(old.query("select count(*) as count from tasks").get()).toEqual({ count: rows.length });
  // Whoever puts it back has a coordinator that knows so.
  expect(old.query("select value from meta where key = 'backup_made_at'").get()).not.toBeNull();
  old.close();
});
