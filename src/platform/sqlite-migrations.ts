import type { Database } from "bun:sqlite";
import { MeshError } from "../protocol/errors.ts";
import type { Clock } from "./clock.ts";
import { sha256Hex } from "./hash.ts";
import { type MarkBackup, saveBackup } from "./sqlite-backups.ts";

interface MigrateOptions {
  readonly file: string;
  readonly migrations: readonly string[];
  readonly clock: Clock;
  readonly markBackup?: MarkBackup;
}

/**
 * Brings the database to the newest version, `pragma user_version`; each migration is one transaction. A database that
 * holds data is backed up first. Which text was applied is kept beside the version, because two builds that disagree
 * about a version would otherwise work on different tables without noticing.
 * @throws MeshError STORE_TOO_NEW when the database is newer than `migrations`, or was made by other ones
 */
export function migrate(database: Database, options: MigrateOptions): void {
  const { file, migrations, clock, markBackup } = options;
  const version = readVersion(database);
  if (version > migrations.length) {
    throw new MeshError(
      "STORE_TOO_NEW",
      `${file} has version ${version}, this claw-mesh knows ${migrations.length}`,
    );
  }
  if (version > 0) checkApplied(database, file, migrations.slice(0, version));
  if (version === migrations.length) return;
  if (version > 0) saveBackup(database, file, { version, clock, markBackup });
  for (const [index, sql] of migrations.entries()) {
    if (index >= version) apply(database, { version: index + 1, sql, nowMs: clock.nowMs() });
  }
}

function readVersion(database: Database): number {
  return database.query<{ user_version: number }, []>("pragma user_version").get()?.user_version ?? 0;
}

function checkApplied(database: Database, file: string, applied: readonly string[]): void {
  const rows = database
    .query<{ version: number; checksum: string }, []>("select version, checksum from migrations")
    .all();
  const checksums = new Map(rows.map((row) => [row.version, row.checksum]));
  for (const [index, sql] of applied.entries()) {
    if (checksums.get(index + 1) === sha256Hex(sql)) continue;
    throw new MeshError(
      "STORE_TOO_NEW",
      `${file} was written by another build of claw-mesh: its migration ${index + 1} differs`,
    );
  }
}

function apply(database: Database, step: { version: number; sql: string; nowMs: number }): void {
  const transaction = database.transaction(() => {
    database.run(
      "create table if not exists migrations (version integer primary key, checksum text not null, applied_at_ms integer not null) strict",
    );
    database.run(step.sql);
    database.run("insert into migrations (version, checksum, applied_at_ms) values (?, ?, ?)", [
      step.version,
      sha256Hex(step.sql),
      step.nowMs,
    ]);
    database.run(`pragma user_version = ${step.version}`);
  });
  transaction.immediate();
}
