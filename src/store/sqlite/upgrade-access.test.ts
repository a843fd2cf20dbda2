import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { createTempDir } from "../../../test/support/temp-dir.ts";
import { systemClock } from "../../platform/clock.ts";
import { systemIds } from "../../platform/ids.ts";
import { closeDatabase, openDatabase } from "../../platform/sqlite.ts";
import { listBackups } from "../../platform/sqlite-backups.ts";
import { migrations } from "./migrations/index.ts";
import { createSqliteStore } from "./sqlite-store.ts";

const taskId = systemIds.task();
const codeHash = "ab".repeat(32);

/** A task and an invite as version 2 wrote them. */
function writeVersion2(file: string): void {
  const database = openDatabase({ file, migrations: migrations.slice(0, 2), clock: systemClock });
  database.run("insert into meta values ('mesh_id', ?)", [`mesh_${"a".repeat(32)}`]);
  database.run(
    `insert into tasks (
      id, state, attempt, subject, source, effects, infer, timeout_ms, created_at_ms, requires, labels, attempts, content
    ) values (?, 'queued', 0, 'admin', 'cli', 'unsafe', 1, 60000, 1000, '{}', '{}', '[]', 'hello')`,
    [taskId],
  );
  database.run(
    "insert into invites (id, code_hash, created_at_ms, expires_at_ms) values ('invite_1', ?, 1, ?)",
    [codeHash, Number.MAX_SAFE_INTEGER],
  );
  closeDatabase(database);
}

test("a database of version 2 gets tokens, invites and the audit, keeps its tasks, and is backed up before", async () => {
  await using directory = await createTempDir();
  const file = join(directory.path, "mesh.db");
  writeVersion2(file);
  const store = await createSqliteStore({ file, clock: systemClock, ids: systemIds });
  expect(await store.tasks.get(taskId)).toMatchObject({
    message: { content: "hello", isUntrusted: false, allowedGroups: null, address: null },
  });
  // Invites that were made before are void.
  expect(await store.invites.list(1)).toEqual([]);
  expect(
    await store.invites.redeem(codeHash, { instance: systemIds.instance(), nodeId: systemIds.node() }, 1),
  ).toBeNull();
  expect(await store.tokens.list()).toEqual([]);
  expect(await store.audit.start()).toEqual({ seq: 1, previousHash: "0".repeat(64) });
  await store.close();

  const [backup = ""] = listBackups(file);
  const old = new Database(backup, { readonly: true });
  expect(old.query("select user_version from pragma_user_version").get()).toEqual({ user_version: 2 });
  expect(old.query("select count(*) as count from invites").get()).toEqual({ count: 1 });
  old.close();
});
