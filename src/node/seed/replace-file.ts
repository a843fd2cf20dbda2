import { constants } from "node:fs";
import { copyFile, rename, rm } from "node:fs/promises";
import { errorCodeOf, randomDraftPath, writeFileAtomic } from "../../platform/atomic-file.ts";
import { readBoundedText } from "../../platform/bounded-file.ts";
import { toIsoTime } from "../../platform/clock.ts";

interface Replacement {
  /** What was read; the file is replaced only while it still holds exactly this. */
  readonly before: string;
  readonly after: string;
  readonly mode: number;
  readonly maxBytes: number;
  readonly nowMs: number;
  /** Why the new text must not take the old one's place; null: it may. Gets the path of a draft beside the file. */
  readonly findProblem?: (draft: string) => Promise<string | null>;
}

/** What became of it: replaced, with a backup; or who else wrote meanwhile has the last word. */
export type Replaced =
  | { readonly backup: string }
  | { readonly refused: string }
  | { readonly isChanged: true };

/**
 * Puts a new text in the place of a file's, whole, after a copy was made of it: `AGENTS.md.claw-mesh-20261102T101500123Z.bak`,
 * never over another. Looks again right before: what an agent or another node wrote meanwhile stays. A link that somebody put
 * there is replaced, not followed.
 * @throws the file system's error
 */
export async function replaceFile(path: string, replacement: Replacement): Promise<Replaced> {
  const { before, after, mode, maxBytes, nowMs, findProblem } = replacement;
  const draft = randomDraftPath(path);
  const backup = `${path}.claw-mesh-${toIsoTime(nowMs).replace(/[-:.]/g, "")}.bak`;
  try {
    await writeFileAtomic(draft, after, { mode, overwrite: false });
    const problem = (await findProblem?.(draft)) ?? null;
    if (problem !== null) return { refused: problem };
    if (!(await keepBackup(path, backup))) return { isChanged: true };
    const now = await readBoundedText(path, { maxBytes, followsLinks: false });
    if (!("text" in now) || now.text !== before) {
      await rm(backup, { force: true });
      return { isChanged: true };
    }
    await rename(draft, path);
    return { backup };
  } finally {
    await rm(draft, { force: true });
  }
}

/** @returns whether it was made: one that is there is of somebody who replaces the file at this moment */
async function keepBackup(path: string, backup: string): Promise<boolean> {
  try {
    await copyFile(path, backup, constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if (errorCodeOf(error) === "EEXIST") return false;
    throw error;
  }
}
