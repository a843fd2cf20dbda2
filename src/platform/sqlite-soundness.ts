import { Database, SQLiteError } from "bun:sqlite";
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { MeshError } from "../protocol/errors.ts";
import { errorCodeOf } from "./atomic-file.ts";

/** Databases up to this size are checked whole at every start: some 10 ms. Damage of larger ones shows when it is read. */
export const maxCheckedBytes = 16 * 1024 * 1024;

/** Backups up to this size are checked whole before one is named as the way back: a second for each gigabyte. */
export const maxCheckedBackupBytes = 512 * 1024 * 1024;

const walHeaderBytes = 32;
const walMagic = 0x377f0682;

/**
 * SQLite takes a WAL file that it cannot read for an empty one, and all of it would be gone without a word. Its header
 * is on the disk before anything follows it, so a bad one is damage and not the trace of a power cut.
 * @throws MeshError STORE_CORRUPT
 */
export function checkWalHeader(databaseFile: string): void {
  const file = `${databaseFile}-wal`;
  const header = Buffer.alloc(walHeaderBytes);
  let handle: number;
  try {
    if (statSync(file).size <= walHeaderBytes) return;
    handle = openSync(file, "r");
  } catch (error) {
    if (errorCodeOf(error) === "ENOENT") return;
    throw error;
  }
  try {
    readSync(handle, header, 0, walHeaderBytes, 0);
  } finally {
    closeSync(handle);
  }
  if (!isWalHeader(header)) throw new MeshError("STORE_CORRUPT", `the header of ${file} is damaged`);
}

/** https://sqlite.org/fileformat2.html#the_write_ahead_log */
function isWalHeader(header: Buffer): boolean {
  const magic = header.readUInt32BE(0);
  if (magic !== walMagic && magic !== walMagic + 1) return false;
  const wordAt = (offset: number) =>
    magic === walMagic ? header.readUInt32LE(offset) : header.readUInt32BE(offset);
  let [first, second] = [0, 0];
  for (let offset = 0; offset < 24; offset += 8) {
    first = (first + wordAt(offset) + second) >>> 0;
    second = (second + wordAt(offset + 4) + first) >>> 0;
  }
  return first === header.readUInt32BE(24) && second === header.readUInt32BE(28);
}

/**
 * Looks for damage of a small database; holds up the event loop meanwhile.
 * @throws MeshError STORE_CORRUPT, or what SQLite throws
 */
export function checkSmallDatabase(database: Database): void {
  const damage = findDamage(database, maxCheckedBytes);
  if (damage !== null) throw new MeshError("STORE_CORRUPT", `the check of the database found: ${damage}`);
}

/** @returns what SQLite says of the first damage; null: it found none, or the database has more than `maxBytes` */
function findDamage(database: Database, maxBytes: number): string | null {
  const size = database
    .query<{ bytes: number }, []>(
      "select page_count * page_size as bytes from pragma_page_count, pragma_page_size",
    )
    .get();
  if (size === null || size.bytes > maxBytes) return null;
  const check = database.query<{ quick_check: string }, []>("pragma quick_check(1)").get();
  return check?.quick_check === "ok" ? null : (check?.quick_check ?? "no answer");
}

/** Whether the copy can take the place of the database: it can be read, was made by us, and no damage is found in it. */
export function isSoundBackup(backup: string): boolean {
  let copy: Database | null = null;
  try {
    copy = new Database(backup, { readonly: true });
    const made = copy.query<{ user_version: number }, []>("pragma user_version").get();
    return made !== null && made.user_version > 0 && findDamage(copy, maxCheckedBackupBytes) === null;
  } catch (error) {
    if (error instanceof SQLiteError) return false;
    throw error;
  } finally {
    copy?.close();
  }
}
