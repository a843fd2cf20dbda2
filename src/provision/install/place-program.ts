import { constants } from "node:fs";
import { chmod, copyFile, mkdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errorCodeOf, syncDirectory } from "../../platform/atomic-file.ts";
import { withFileFailures } from "./file-failure.ts";

/** Where the program that is replaced stays, for a rollback. */
export function previousProgram(program: string): string {
  return `${program}.previous`;
}

/** A file beside the program that is none yet. What a crash leaves there is replaced by the next run. */
export function draftProgram(program: string): string {
  return join(dirname(program), `.${basename(program)}.new`);
}

/** Makes the folder of a program, and removes a draft that a crash left. */
export async function preparePlace(program: string): Promise<void> {
  await withFileFailures(dirname(program), async () => {
    await mkdir(dirname(program), { recursive: true, mode: 0o755 });
    await rm(draftProgram(program), { force: true });
  });
}

/**
 * Puts the draft in the place of the program in one step, so that one of the two is always there, and keeps the old one.
 * @returns whether there was an old one
 */
export async function placeProgram(program: string): Promise<boolean> {
  return await withFileFailures(program, async () => {
    const draft = draftProgram(program);
    await chmod(draft, 0o755);
    const hadProgram = await isFile(program);
    if (hadProgram) await keepPrevious(program);
    await rename(draft, program);
    await syncDirectory(dirname(program));
    return hadProgram;
  });
}

/** A copy and not a move: until the new one is in its place, the old one is. */
async function keepPrevious(program: string): Promise<void> {
  const draft = `${previousProgram(program)}.new`;
  await rm(draft, { force: true });
  await copyFile(program, draft, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  await chmod(draft, 0o755);
  await rename(draft, previousProgram(program));
}

export async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw error;
  }
}
