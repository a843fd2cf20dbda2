import { createHash } from "node:crypto";
import { constants } from "node:fs";
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  rename,
  rm,
  stat,
  symlink,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errorCodeOf, syncDirectory } from "../../platform/atomic-file.ts";
import type { Clock } from "../../platform/clock.ts";
import { withFileFailures } from "./file-failure.ts";

/** Drafts of so long ago are of a run that was ended; one that goes on may be of another data directory. */
const staleDraftMs = 24 * 60 * 60_000;

/** Where the program that is replaced stays, for a rollback. */
export function previousProgram(program: string): string {
  return `${program}.previous`;
}

/** What a program's link leads to; null: it is none, or not there. */
export async function readProgramLink(program: string): Promise<string | null> {
  try {
    return (await lstat(program)).isSymbolicLink() ? await readlink(program) : null;
  } catch (error) {
    if (errorCodeOf(error) === null) throw error;
    return null;
  }
}

/** Beside a program, on its disk, and of one run alone. */
export interface ProgramDraft extends AsyncDisposable {
  /** A file that is not there yet. */
  readonly path: string;
}

/**
 * Makes the folder of a program and a place for its draft there. Removes what crashes left: those of this data directory, whose
 * lock is held, and those of others long ago.
 */
export async function createDraft(
  program: string,
  { dataDir, clock }: { readonly dataDir: string; readonly clock: Clock },
): Promise<ProgramDraft> {
  const folder = dirname(program);
  const prefix = `.${basename(program)}-draft-`;
  const ownPrefix = `${prefix}${createHash("sha256").update(dataDir).digest("hex").slice(0, 8)}-`;
  return await withFileFailures(folder, async () => {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    for (const name of await readdir(folder)) {
      const left = join(folder, name);
      if (name.startsWith(ownPrefix) || (name.startsWith(prefix) && (await isStale(left, clock))))
        await rm(left, { recursive: true, force: true });
    }
    const draftFolder = await mkdtemp(join(folder, ownPrefix));
    return {
      path: join(draftFolder, basename(program)),
      [Symbol.asyncDispose]: () =>
        withFileFailures(draftFolder, () => rm(draftFolder, { recursive: true, force: true })),
    };
  });
}

async function isStale(path: string, clock: Clock): Promise<boolean> {
  try {
    return clock.nowMs() - (await stat(path)).mtimeMs > staleDraftMs;
  } catch (error) {
    // Another run has removed its own meanwhile.
    if (errorCodeOf(error) === "ENOENT") return false;
    throw error;
  }
}

/** Puts the draft in the place of the program in one step, so that one of the two is always there. */
export async function placeProgram(draft: string, program: string): Promise<void> {
  await withFileFailures(program, async () => {
    await chmod(draft, 0o755);
    await rename(draft, program);
    await syncDirectory(dirname(program));
  });
}

/**
 * A copy and not a move: until the new one is in its place, the old one is. A link, as package managers make them, stays one.
 * @param draft whose folder the copy is made in
 */
export async function keepPrevious(program: string, draft: string): Promise<void> {
  const copy = join(dirname(draft), basename(previousProgram(program)));
  const link = await readProgramLink(program);
  await withFileFailures(previousProgram(program), async () => {
    if (link === null) {
      await copyFile(program, copy, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      await chmod(copy, 0o755);
    } else {
      await symlink(link, copy);
    }
    await rename(copy, previousProgram(program));
  });
}

/** What makes a path one that no file of ours is at. */
const absentCodes: readonly (string | null)[] = ["ENOENT", "ENOTDIR", "ELOOP", "EACCES", "ENAMETOOLONG"];

export async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (absentCodes.includes(errorCodeOf(error))) return false;
    throw error;
  }
}
