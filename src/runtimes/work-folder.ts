import { mkdir, stat } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { errorCodeOf } from "../platform/atomic-file.ts";

interface WorkFolderOptions {
  /** The operator's; null: a folder of the kind's own below the data directory. */
  readonly cwd: string | null;
  readonly dataDir: string;
  readonly kind: "acp" | "command";
}

/** Where a program works: always absolute. */
export function toWorkFolder({ cwd, dataDir, kind }: WorkFolderOptions): string {
  if (cwd === null) return resolve(join(dataDir, "runtimes", kind, "work"));
  return isAbsolute(cwd) ? cwd : resolve(cwd);
}

/** Creates the kind's own folder, for this user alone. One sentence on what is wrong with it; null when it is there. */
export async function prepareWorkFolder(options: WorkFolderOptions): Promise<string | null> {
  const folder = toWorkFolder(options);
  try {
    if (options.cwd === null) await mkdir(folder, { recursive: true, mode: 0o700 });
    return (await stat(folder)).isDirectory() ? null : `the working folder ${folder} is no folder`;
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === null) throw error;
    return `the working folder ${folder} cannot be used (${code})`;
  }
}
