import { Database } from "bun:sqlite";
import { chmodSync, existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fromIsoTime, toIsoTime } from "../protocol/iso-time.ts";
import type { Clock } from "./clock.ts";
import { isSoundBackup } from "./sqlite-soundness.ts";

/** The newest so many backups of a database are kept, and the newest of an older version; the others are deleted. */
export const keptBackups = 3;

/** Backups of the database, newest first. Their names end in the time they were made, so they sort by it. */
export function listBackups(file: string): readonly string[] {
  const prefix = `${basename(file)}.backup-`;
  return readdirSync(dirname(file))
    .filter((name) => name.startsWith(prefix) && !name.includes(partialSuffix))
    .sort((left, right) => (madeAt(left) < madeAt(right) ? 1 : -1))
    .map((name) => join(dirname(file), name));
}

/** A backup that was being written when the process died has this in its name and never counts as one. */
export const partialSuffix = ".partial";

/** Writes into a copy that it is one: who finds it in the place of the database knows that time has gone by since. */
export type MarkBackup = (copy: Database, madeAtMs: number) => void;

/** Marks a copy that is still partial. It is flushed by whoever wants that. */
export function markCopy(partial: string, mark: MarkBackup, madeAtMs: number): void {
  const copy = new Database(partial, { readwrite: true, strict: true });
  try {
    copy.run("pragma synchronous = off");
    mark(copy, madeAtMs);
  } finally {
    copy.close(true);
  }
}

export function deletePartial(partial: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(partial + suffix, { force: true });
}

function madeAt(name: string): string {
  return name.slice(name.lastIndexOf("-") + 1);
}

/** When the backup was made, epoch; null when its name does not tell. */
export function backupTimeMs(backup: string): number | null {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z$/.exec(madeAt(backup));
  if (parts === null) return null;
  const [, year, month, day, hour, minute, second, ms] = parts;
  return fromIsoTime(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
}

/** `<file>.backup-v<version>-<time>` */
export function backupName(file: string, options: { version: number; clock: Clock }): string {
  return `${file}.backup-v${options.version}-${toNameTime(options.clock.nowMs())}`;
}

function toNameTime(epochMs: number): string {
  return toIsoTime(epochMs).replaceAll(/[-:.]/g, "");
}

/** Deletes the backups of this version beyond the newest few, and those of older ones beyond the newest. */
export function deleteOldBackups(file: string, version: number): void {
  const mark = `.backup-v${version}-`;
  const backups = listBackups(file);
  const current = backups.filter((backup) => basename(backup).includes(mark));
  const older = backups.filter((backup) => !basename(backup).includes(mark));
  for (const backup of [...current.slice(keptBackups), ...older.slice(1)]) rmSync(backup, { force: true });
}

/** Writes a backup before anything else uses the database, complete or not at all, and deletes old ones. */
export function saveBackup(
  database: Database,
  file: string,
  options: { version: number; clock: Clock; markBackup: MarkBackup | undefined },
): string {
  const backup = backupName(file, options);
  const partial = backup + partialSuffix;
  deletePartial(partial);
  database.run("vacuum into ?", [partial]);
  chmodSync(partial, 0o600);
  if (options.markBackup !== undefined) markCopy(partial, options.markBackup, options.clock.nowMs());
  renameSync(partial, backup);
  deleteOldBackups(file, options.version);
  return backup;
}

/**
 * How to start again when the database is damaged, as commands for a POSIX shell. Of the files of the database only
 * those are named that exist, so that every command succeeds; they are moved to where no earlier ones are. Backups are
 * checked, newest first, until one is sound: that holds up the event loop.
 */
export function wayBack(file: string, nowMs: number): string {
  const damaged = [file, `${file}-wal`, `${file}-shm`].filter((path) => existsSync(path)).map(quote);
  const place = `${file}.damaged-${toNameTime(nowMs)}`;
  const away = `mkdir -p ${quote(place)} && mv -f ${damaged.join(" ")} ${quote(`${place}/`)}`;
  const backups = listBackups(file);
  const at = backups.findIndex(isSoundBackup);
  const unsound = (at === -1 ? backups : backups.slice(0, at)).map((backup) => basename(backup)).join(", ");
  const newest = backups[at];
  if (newest === undefined) {
    const none =
      unsound === "" ? "There is no backup" : `There is no sound backup: ${unsound} cannot be used`;
    return `${none}. To start anew, with nodes that join again with a new invite: ${away}`;
  }
  const madeAtMs = backupTimeMs(newest);
  const when = madeAtMs === null ? "" : `, which is of ${toIsoTime(madeAtMs)}`;
  const but = unsound === "" ? "" : `; ${unsound} is damaged as well`;
  return `Nodes that joined after the backup have to join again with a new invite. To go back to the newest ${unsound === "" ? "" : "sound "}backup${when}${but}: ${away} && cp ${quote(newest)} ${quote(file)}`;
}

function quote(path: string): string {
  return /^[\w./:\\-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
