import { Database } from "bun:sqlite";
import { closeSync, constants, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { MeshError } from "../protocol/errors.ts";
import type { Clock } from "./clock.ts";
import { type MarkBackup, wayBack } from "./sqlite-backups.ts";
import { sqliteFault, toStoreError } from "./sqlite-errors.ts";
import { migrate } from "./sqlite-migrations.ts";
import { checkSmallDatabase, checkWalHeader } from "./sqlite-soundness.ts";

export type { Database } from "bun:sqlite";

/** A statement waits this long, and the event loop with it, for another program that holds the database. */
const busyTimeoutMs = 1_000;

/** Upper limit of the page cache; it grows with use. Measured: tasks are as quick with 2 MB as with 64; lists need more. */
const cacheKib = 8_000;

/** Measured with tasks: 1.5 µs of CPU per message less than with pages of 4 KiB; 16 KiB is slower again. */
const pageBytes = 8192;

/**
 * WAL pages after which a commit copies them into the database. Measured with tasks on two cores: 1,000 pages cost no
 * more CPU than 4,000 or 16,000, and the commit that copies takes 6 ms instead of 24 or 110.
 */
export const checkpointPages = 1_000;

/** The WAL file is cut back to this after it had to grow beyond it. */
const maxIdleWalBytes = 64 * 1024 * 1024;

export interface OpenDatabaseOptions {
  /** Its directory is created when it is missing. */
  readonly file: string;
  /** In order; the first is version 1. A released one never changes. */
  readonly migrations: readonly string[];
  readonly clock: Clock;
  /** Of the backup before a migration. */
  readonly markBackup?: MarkBackup;
}

/**
 * Opens a database of ours, creating or migrating it as needed: WAL, `synchronous=normal`, readable by this user only.
 * The caller holds a process lock, so that nobody else migrates or writes at the same time.
 * @throws MeshError DATA_DIR_UNUSABLE, STORE_TOO_NEW, STORE_CORRUPT (both name the way back) or STORE_UNAVAILABLE
 */
export function openDatabase(options: OpenDatabaseOptions): Database {
  const { file } = options;
  createPrivateFile(file);
  let database: Database | null = null;
  try {
    checkWalHeader(file);
    database = new Database(file, { readwrite: true, create: true, strict: true });
    configure(database);
    checkSmallDatabase(database);
    migrate(database, options);
    return database;
  } catch (error) {
    database?.close();
    throw toOpenError(error, { file, nowMs: options.clock.nowMs() });
  }
}

function configure(database: Database): void {
  database.run(`pragma busy_timeout = ${busyTimeoutMs}`);
  // Before the first page is written; an older database keeps its own.
  database.run(`pragma page_size = ${pageBytes}`);
  database.run("pragma journal_mode = wal");
  database.run("pragma synchronous = normal");
  database.run(`pragma wal_autocheckpoint = ${checkpointPages}`);
  database.run(`pragma journal_size_limit = ${maxIdleWalBytes}`);
  database.run(`pragma cache_size = -${cacheKib}`);
  database.run("pragma temp_store = memory");
  database.run("pragma trusted_schema = off");
}

/** 0 on systems without symbolic links that could be told apart. */
const noFollow = constants.O_NOFOLLOW ?? 0;

/** SQLite gives its WAL files the permissions of the database, so it is enough to create that one ourselves. */
function createPrivateFile(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    closeSync(openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | noFollow, 0o600));
  } catch (error) {
    throw unusable(file, error);
  }
}

function unusable(file: string, error: unknown): MeshError {
  const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
  return new MeshError("DATA_DIR_UNUSABLE", `cannot write ${file}${code}`, { cause: error });
}

/**
 * What a start that cannot read its database tells: damage names the way back, as commands. Call it when the database is
 * closed again.
 */
export function toOpenError(
  error: unknown,
  { file, nowMs }: { readonly file: string; readonly nowMs: number },
): MeshError {
  const isDamage =
    sqliteFault(error) === "corrupt" || (error instanceof MeshError && error.code === "STORE_CORRUPT");
  if (isDamage) {
    const what = error instanceof MeshError ? "is damaged" : "is damaged or not a database";
    // What exactly was found is of use to few: the cause tells it to the log.
    return new MeshError("STORE_CORRUPT", `${file} ${what}`, {
      hint: wayBack(file, nowMs),
      cause: error,
    });
  }
  if (error instanceof MeshError) return error;
  if (sqliteFault(error) === "no_access") return unusable(file, error);
  const storeError = toStoreError(error);
  return new MeshError(storeError.code, `cannot open ${file}: ${storeError.message}`, { cause: error });
}

/**
 * Writes every page anew, so that no free page, and no free part of one, holds what was there before; the WAL is emptied for
 * the same reason. What is not durable in full yet is afterwards. Needs room on the disk for two more copies.
 */
export function rewriteDatabase(database: Database): void {
  // The new copy is a temporary database first: with all messages in it that is too much for the memory.
  database.run("pragma temp_store = file");
  try {
    database.run("vacuum");
  } finally {
    database.run("pragma temp_store = memory");
  }
  database.run("pragma wal_checkpoint(truncate)");
}

/**
 * Closes for good: its statements end, its WAL is copied into the database and removed. A database that can no longer
 * be written is closed all the same; its WAL stays and is read at the next start.
 */
export function closeDatabase(database: Database): void {
  database.close(true);
}
