import { Database } from "bun:sqlite";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { MeshError } from "../protocol/errors.ts";
import { isFullDisk } from "./atomic-file.ts";
import { sqliteFault } from "./sqlite-errors.ts";

export interface ProcessLock {
  /** Lets the next one have it; calling it again does nothing. */
  readonly release: () => void;
}

/** Who has the lock instead; the pid is null when the holder has not written it down yet. */
export interface LockHolder {
  readonly heldBy: { readonly pid: number | null };
}

/** How long one who only looks may have the lock; who wants to take it waits for so long. */
const lookMs = 250;

/**
 * Takes a lock that one holder at a time can have, in this or any other process, and that the kernel frees when the
 * process ends in whatever way, `kill -9` included. It is the write lock of an SQLite file that stays empty, because
 * that works alike on every platform; the holder's pid is beside it in `<file>.pid`. Not for network file systems.
 *
 * Never open `file` by other means: on POSIX, closing any handle of it drops the lock of this process.
 * @throws MeshError DATA_DIR_UNUSABLE when the files cannot be written
 */
export function acquireLock(file: string): ProcessLock | LockHolder {
  const pidFile = `${file}.pid`;
  let database: Database | null = null;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    database = new Database(file, { readwrite: true, create: true });
    database.run(`pragma busy_timeout = ${lookMs}`);
    // Nothing is ever written under the lock; this only keeps SQLite from making a journal file for it.
    database.run("pragma journal_mode = memory");
    database.run("begin immediate");
    chmodSync(file, 0o600);
    writePid(pidFile);
  } catch (error) {
    database?.close();
    if (sqliteFault(error) === "busy") return { heldBy: { pid: readPid(pidFile) } };
    throw new MeshError("DATA_DIR_UNUSABLE", `cannot write the lock ${file}`, { cause: error });
  }
  return createHeldLock(database, pidFile);
}

/**
 * Who has the lock of this file now; null when nobody has, or there is no such file. Whoever wants to take it at the same
 * moment waits until this has looked.
 * @throws MeshError DATA_DIR_UNUSABLE when that cannot be told
 */
export function findLockHolder(file: string): LockHolder["heldBy"] | null {
  if (!existsSync(file)) return null;
  let database: Database | null = null;
  try {
    database = new Database(file, { readwrite: true, create: false });
    database.run("pragma busy_timeout = 0");
    database.run("pragma journal_mode = memory");
    database.run("begin immediate");
    database.run("rollback");
    return null;
  } catch (error) {
    if (sqliteFault(error) === "busy") return { pid: readPid(`${file}.pid`) };
    throw new MeshError("DATA_DIR_UNUSABLE", `cannot look at the lock ${file}`, { cause: error });
  } finally {
    database?.close();
  }
}

function createHeldLock(database: Database, pidFile: string): ProcessLock {
  let isHeld = true;
  return {
    release: () => {
      if (!isHeld) return;
      isHeld = false;
      rmSync(pidFile, { force: true });
      database.run("rollback");
      database.close(true);
    },
  };
}

/** Only for people: on a full disk the lock is held without. */
function writePid(pidFile: string): void {
  try {
    writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    if (!isFullDisk(error)) throw error;
  }
}

function readPid(pidFile: string): number | null {
  let text: string;
  try {
    text = readFileSync(pidFile, "utf8");
  } catch {
    // The holder has the lock but has not come to write its pid, or is about to release it.
    return null;
  }
  const pid = Number.parseInt(text, 10);
  return Number.isInteger(pid) && pid > 0 ? pid : null;
}
