import { access, constants, readdir, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { waitAtMost } from "./bounded-wait.ts";
import type { Clock } from "./clock.ts";

export interface PathLookup {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** `win32` looks for `.exe` and the like; default: of this machine. */
  readonly platform?: NodeJS.Platform;
}

/** Folders of PATH that are looked into; more than these are ignored. */
const maxFolders = 100;

/** Longest time for one folder: some lie on network drives that do not answer. */
const folderLimitMs = 2_000;

const defaultPathExtensions = ".COM;.EXE;.BAT;.CMD";

/**
 * Which of these programs PATH has, each with the file that would be started. Starts none of them. Folders that are
 * missing, unreadable or too slow count as empty.
 */
export async function findOnPath(
  names: readonly string[],
  lookup: PathLookup,
): Promise<ReadonlyMap<string, string>> {
  const isWindows = (lookup.platform ?? process.platform) === "win32";
  const wanted = new Map(
    names.flatMap((name) => fileNames(name, lookup, isWindows).map((file) => [file, name])),
  );
  const folders = pathFolders(lookup.env, isWindows);
  const hits = await Promise.all(
    folders.map((folder) =>
      waitAtMost(findInFolder(folder, wanted, isWindows), {
        clock: lookup.clock,
        limitMs: folderLimitMs,
        otherwise: [],
      }),
    ),
  );
  const found = new Map<string, string>();
  for (const [name, path] of hits.flat()) if (!found.has(name)) found.set(name, path);
  return found;
}

type Hit = readonly [name: string, path: string];

async function findInFolder(
  folder: string,
  wanted: ReadonlyMap<string, string>,
  isWindows: boolean,
): Promise<readonly Hit[]> {
  // A folder of PATH that cannot be read offers nothing to start.
  const files = await readdir(folder).catch((): readonly string[] => []);
  const hits = await Promise.all(
    files.map(async (file): Promise<readonly Hit[]> => {
      const name = wanted.get(isWindows ? file.toLowerCase() : file);
      if (name === undefined) return [];
      const path = join(folder, file);
      return (await isProgram(path)) ? [[name, path]] : [];
    }),
  );
  return hits.flat();
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    // Not there any more, a dangling link, or not ours to run: no program to us.
    return false;
  }
}

/** A relative one means another folder wherever one stands, and what lies there may be anybody's. */
function pathFolders(env: PathLookup["env"], isWindows: boolean): readonly string[] {
  const path = env.PATH ?? (isWindows ? env.Path : undefined) ?? "";
  const folders = path.split(delimiter).filter((folder) => isAbsolute(folder));
  return [...new Set(folders)].slice(0, maxFolders);
}

function fileNames(name: string, lookup: PathLookup, isWindows: boolean): readonly string[] {
  if (!isWindows) return [name];
  const extensions = lookup.env.PATHEXT ?? defaultPathExtensions;
  return extensions.split(";").map((extension) => (name + extension).toLowerCase());
}
