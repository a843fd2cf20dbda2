import type { Database } from "bun:sqlite";
import { chmodSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { toIsoTime } from "../protocol/iso-time.ts";
import type { Clock } from "./clock.ts";

/** The newest so many backups of a database are kept, the others are deleted. */
export const keptBackups = 3;

/** Backups of the database, newest first. Their names end in the time they were made, so they sort by it. */
export function listBackups(file: string): readonly string[] {
  const prefix = `${basename(file)}.backup-`;
  return readdirSync(dirname(file))
    .filter((name) => name.startsWith(prefix) && !name.endsWith(partialSuffix))
    .sort((left, right) => (madeAt(left) < madeAt(right) ? 1 : -1))
    .map((name) => join(dirname(file), name));
}

/** A backup that was being written when the process died has this suffix and never counts as one. */
const partialSuffix = ".partial";

function madeAt(name: string): string {
  return name.slice(name.lastIndexOf("-") + 1);
}

/** Writes `<file>.backup-v<version>-<time>`, complete or not at all, and deletes the oldest ones. */
export function saveBackup(
  database: Database,
  file: string,
  options: { version: number; clock: Clock },
): string {
  const time = toIsoTime(options.clock.nowMs()).replaceAll(/[-:.]/g, "");
  const backup = `${file}.backup-v${options.version}-${time}`;
  const partial = backup + partialSuffix;
  rmSync(partial, { force: true });
  database.run("vacuum into ?", [partial]);
  chmodSync(partial, 0o600);
  renameSync(partial, backup);
  for (const old of listBackups(file).slice(keptBackups)) rmSync(old, { force: true });
  return backup;
}
