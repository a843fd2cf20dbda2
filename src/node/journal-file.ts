import { renameSync } from "node:fs";
import type { Clock } from "../platform/clock.ts";
import type { Ids } from "../platform/ids.ts";
import type { Log } from "../platform/log.ts";
import { closeDatabase, type Database, openDatabase } from "../platform/sqlite.ts";
import { sqliteFault } from "../platform/sqlite-errors.ts";
import { MeshError } from "../protocol/errors.ts";

/**
 * An attempt is a row: its offer until it has an outcome, then the outcome in its place, then nothing. Rows are found by
 * a number that only grows, known in memory: measured, an attempt costs 40 % less than with its key as the primary key
 * and the outcome beside the offer.
 */
const migrations: readonly string[] = [
  `create table journal (id text not null) strict;
   create table attempts (
     id integer primary key,
     key text not null,
     body text not null,
     started_at_ms integer not null,
     finished_at_ms integer
   ) strict;`,
  `alter table journal add column complete_in text;`,
];

/** What is known of an attempt without its offer or outcome. */
export interface JournalRow {
  readonly id: number;
  readonly key: string;
  /** Bytes of its offer or outcome. */
  readonly size: number;
  /** 0 or 1. */
  readonly finished: number;
}

export interface JournalFile {
  readonly database: Database;
  /** The boot of the machine in which the journal was last known to be complete; null: it never was. */
  readonly completeIn: string | null;
  /** Oldest first. */
  readonly rows: readonly JournalRow[];
}

export interface JournalFileDeps {
  readonly file: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

/** A damaged journal is set aside: its outcomes are gone, but the node can go on with a new one, which is not complete. */
export function openJournalFile(deps: JournalFileDeps): JournalFile {
  const { file, clock, log } = deps;
  try {
    return open(deps);
  } catch (error) {
    if (!isDamage(error)) throw error;
    const aside = `${file}.damaged-${Math.round(clock.nowMs())}`;
    log.error("the journal is damaged; it was set aside and a new one begun", { aside, error });
    renameSync(file, aside);
    for (const suffix of ["-wal", "-shm"]) renameIfThere(file + suffix, aside + suffix);
    return open(deps);
  }
}

function open({ file, clock, ids }: JournalFileDeps): JournalFile {
  const database = openDatabase({ file, migrations, clock });
  try {
    return { database, completeIn: readOrCreateHead(database, ids), rows: readRows(database) };
  } catch (error) {
    closeDatabase(database);
    throw error;
  }
}

function isDamage(error: unknown): boolean {
  return sqliteFault(error) === "corrupt" || (error instanceof MeshError && error.code === "STORE_CORRUPT");
}

/** @returns the boot in which the journal is complete */
function readOrCreateHead(database: Database, ids: Ids): string | null {
  const row = database.query<{ complete_in: string | null }, []>("select complete_in from journal").get();
  if (row === null) database.query("insert into journal (id) values (?)").run(ids.instance());
  return row?.complete_in ?? null;
}

function readRows(database: Database): readonly JournalRow[] {
  return database
    .query<JournalRow, []>(
      `select id, key, length(cast(body as blob)) as size, finished_at_ms is not null as finished
       from attempts order by id`,
    )
    .all();
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}
