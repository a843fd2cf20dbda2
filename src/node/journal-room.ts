import { type Dirent, readdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { errorCodeOf } from "../platform/atomic-file.ts";
import type { Log } from "../platform/log.ts";
import { acquireLock } from "../platform/process-lock.ts";
import { maxJournalAgeMs, maxJournalBytes } from "./journal.ts";

/**
 * Bytes of all journals of a data directory, whose number a coordinator can drive up that calls itself by another mesh with
 * every answer.
 */
export const maxAllJournalBytes = 512 * 1024 * 1024;

/** What a journal may hold even so: a mesh is not kept from working by what others have left. */
export const minJournalBytes = 16 * 1024 * 1024;

/** Bytes that the journal of one identity may hold, for what lies in the journals of the others. */
export function loadJournalRoom(journalFile: string): number {
  const others = otherFolders(journalFile).reduce((sum, folder) => sum + bytesOf(folder, journalFile), 0);
  return Math.max(minJournalBytes, Math.min(maxJournalBytes, maxAllJournalBytes - others));
}

/**
 * Removes journals of other identities that nobody has written to for {@link maxJournalAgeMs}, and that nobody has open: all
 * that is in them is too old to be asked for. A failure is logged, and the next start tries again.
 */
export function removeOldJournals(
  journalFile: string,
  { nowMs, log }: { readonly nowMs: number; readonly log: Log },
): void {
  for (const folder of otherFolders(journalFile)) {
    try {
      const files = journalFiles(folder, journalFile);
      if (files.length === 0 || files.some((file) => nowMs - modifiedAtMs(file) < maxJournalAgeMs)) continue;
      const lock = acquireLock(join(folder, "lock"));
      if ("heldBy" in lock) continue;
      try {
        for (const file of files) rmSync(file, { force: true });
        log.warn("an old journal of another identity was removed", { folder });
      } finally {
        lock.release();
      }
    } catch (error) {
      log.warn("an old journal of another identity could not be removed", { folder, error });
    }
  }
}

/** `nodes/<mesh>/<name>` of all identities but this one. */
function otherFolders(journalFile: string): readonly string[] {
  const own = dirname(journalFile);
  const nodes = dirname(dirname(own));
  return foldersIn(nodes)
    .flatMap(foldersIn)
    .filter((folder) => folder !== own);
}

function foldersIn(folder: string): readonly string[] {
  return listFolder(folder)
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name));
}

/** With what SQLite keeps beside it, and what was set aside as damaged. */
function journalFiles(folder: string, journalFile: string): readonly string[] {
  return listFolder(folder)
    .filter((entry) => entry.isFile() && entry.name.startsWith(basename(journalFile)))
    .map(({ name }) => join(folder, name));
}

function bytesOf(folder: string, journalFile: string): number {
  const sizes = journalFiles(folder, journalFile).map(
    (file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0,
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Of one that has just gone: never. */
function modifiedAtMs(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function listFolder(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (errorCodeOf(error) === "ENOENT") return [];
    throw error;
  }
}
