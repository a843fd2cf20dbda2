import { randomBytes } from "node:crypto";
import { link, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

interface WriteOptions {
  /** Permissions of the new file, e.g. 0o600. */
  readonly mode: number;
  /** true: replace a file that exists; false: fail with EEXIST. */
  readonly overwrite: boolean;
  /** Whom the file shall belong to, given by root; default: whoever writes it. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/**
 * Writes a whole file so that readers see the old or the new content, never a part, also after a crash. The content
 * never exists with wider permissions than `mode`.
 * @throws the file system's error, with its `code`
 */
export async function writeFileAtomic(path: string, text: string, options: WriteOptions): Promise<void> {
  const draft = randomDraftPath(path);
  try {
    const file = await open(draft, "wx", options.mode);
    try {
      await file.writeFile(text, "utf8");
      // By the open file: in a folder of somebody else its name may lead elsewhere by now.
      await file.chmod(options.mode);
      if (options.owner !== undefined) await file.chown(options.owner.uid, options.owner.gid);
      await file.sync();
    } finally {
      await file.close();
    }
    if (options.overwrite) await rename(draft, path);
    else await link(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
  await syncDirectory(dirname(path));
}

/** A name beside a file that no other writer has. */
export function randomDraftPath(path: string): string {
  return `${path}.${randomBytes(6).toString("hex")}.tmp`;
}

/** The text of a file, or null when there is none. */
export async function readTextIfExists(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errorCodeOf(error) === "ENOENT" || errorCodeOf(error) === "ENOTDIR") return null;
    throw error;
  }
}

/** The `code` of a system error such as `EACCES`, or null. */
export function errorCodeOf(error: unknown): string | null {
  if (typeof error !== "object" || error === null || !("code" in error)) return null;
  return typeof error.code === "string" ? error.code : null;
}

/** Whether there was no room, or none left for this user. */
export function isFullDisk(error: unknown): boolean {
  const code = errorCodeOf(error);
  return code === "ENOSPC" || code === "EDQUOT";
}

/** Makes new names in a directory survive a power cut, where the system can do that. */
export async function syncDirectory(path: string): Promise<void> {
  try {
    const directory = await open(path, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  } catch (error) {
    // Some systems cannot open or sync a directory; the rename itself has happened.
    if (errorCodeOf(error) === null) throw error;
  }
}
