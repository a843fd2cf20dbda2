import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Environment } from "./environment.ts";

/** A text that is edited in a file of its own, which nobody else may read. */
export interface EditedFile {
  readonly path: string;
  /**
   * Runs the editor on the text and comes back when it has ended.
   * @returns the code it ended with, and what the file holds then
   */
  readonly edit: (text: string) => Promise<{ readonly exitCode: number; readonly text: string }>;
  /** Deletes the file. */
  readonly remove: () => Promise<void>;
}

/** The user's editor as a command line of the shell, or null when none is named. */
export function editorCommand({ VISUAL, EDITOR }: Environment): string | null {
  return [VISUAL, EDITOR].find((command) => command !== undefined && command.trim() !== "") ?? null;
}

/** @param command may carry arguments, as in `code --wait`; it gets the file's path as its last one */
export async function createEditedFile(
  command: string,
  { fileName, env }: { readonly fileName: string; readonly env: Environment },
): Promise<EditedFile> {
  const directory = await mkdtemp(join(tmpdir(), "claw-mesh-"));
  const path = join(directory, fileName);
  return {
    path,
    edit: async (text) => {
      await writeFile(path, text, { mode: 0o600 });
      const editor = Bun.spawn(["/bin/sh", "-c", `${command} "$1"`, "sh", path], {
        env: { ...env },
        stdin: "inherit",
        stdout: "inherit",
        stderr: "inherit",
      });
      const exitCode = await editor.exited;
      return { exitCode, text: await readFile(path, "utf8") };
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
