import { constants } from "node:fs";
import { type FileHandle, mkdir, open, realpath } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { MeshError } from "../../protocol/errors.ts";
import { errorCodeOf } from "../atomic-file.ts";
import { privateDirMode } from "../private-files.ts";

/** Whom files belong to that root makes for somebody else; null: whoever calls. */
export type FileOwner = { readonly uid: number; readonly gid: number } | null;

/** A folder that is held open, so that its name may be given to something else meanwhile. */
export interface OwnedFolder extends AsyncDisposable {
  /** Path of a file in this very folder, also when the folder was moved away; where the system has no such paths, its name. */
  readonly file: (name: string) => string;
}

/** 0 on systems without them. */
const folderFlags = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | (constants.O_NOFOLLOW ?? 0);

const othersMayWrite = 0o022;

/**
 * Opens a folder, making what is missing of it closed to others; what is there keeps its mode and owner. For an owner,
 * nothing below the folders that root alone can change is followed by name: its owner could swap it for a link under root's hands.
 * @throws MeshError FILE_UNSAFE for a link on the way, or a folder of somebody else; the system's error, with its `code`
 */
export async function openOwnedFolder(path: string, owner: FileOwner): Promise<OwnedFolder> {
  if (owner === null) {
    await mkdir(path, { recursive: true, mode: privateDirMode });
    return { file: (name) => join(path, name), [Symbol.asyncDispose]: async () => {} };
  }
  const { start, names } = await findStart(path);
  let folder = await open(start, folderFlags);
  let shown = start;
  try {
    for (const name of names) {
      shown = join(shown, name);
      const next = await enter({ folder, path: dirname(shown), name }, owner);
      await folder.close();
      folder = next;
    }
  } catch (error) {
    await folder.close();
    throw error;
  }
  const held = folder;
  return { file: (name) => inside(held, shown, name), [Symbol.asyncDispose]: () => held.close() };
}

/** The last folder on the way that root alone can change, and the names below it, which are there or not. */
async function findStart(
  path: string,
): Promise<{ readonly start: string; readonly names: readonly string[] }> {
  let start: string = sep;
  const names = path.split(sep).filter((name) => name !== "");
  for (let at = 0; at < names.length; at += 1) {
    const real = await realpath(join(start, names[at] ?? "")).catch(() => null);
    if (real === null || !(await isRootsAlone(real))) return { start, names: names.slice(at) };
    start = real;
  }
  return { start: dirname(start), names: [basename(start)] };
}

/** Also every folder above it: a link of root's may lead anywhere. */
async function isRootsAlone(path: string): Promise<boolean> {
  for (let folder = path; ; folder = dirname(folder)) {
    const handle = await open(folder, folderFlags).catch(() => null);
    if (handle === null) return false;
    const { uid, mode } = await handle.stat().finally(() => handle.close());
    if (uid !== 0 || (mode & othersMayWrite) !== 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

interface Step {
  readonly folder: FileHandle;
  /** Of that folder, to be shown. */
  readonly path: string;
  readonly name: string;
}

async function enter({ folder, path, name }: Step, owner: NonNullable<FileOwner>): Promise<FileHandle> {
  const target = inside(folder, path, name);
  const isNew = await mkdir(target, { mode: privateDirMode }).then(
    () => true,
    (error: unknown) => {
      if (errorCodeOf(error) === "EEXIST") return false;
      throw error;
    },
  );
  const shown = join(path, name);
  const entered = await open(target, folderFlags).catch((cause: unknown) => {
    const code = errorCodeOf(cause);
    if (code !== "ELOOP" && code !== "ENOTDIR" && code !== "EMLINK") throw cause;
    throw new MeshError("FILE_UNSAFE", `${shown} is a link, or no folder`, { cause });
  });
  const { uid } = await entered.stat();
  if (uid !== owner.uid && uid !== 0) {
    await entered.close();
    throw new MeshError("FILE_UNSAFE", `${shown} belongs to another user (${uid})`);
  }
  // The handle is what was made: whoever owns the folder above may have put something else under its name.
  if (isNew && uid === 0) await entered.chown(owner.uid, owner.gid);
  return entered;
}

/** Linux leads from an open folder to its files without its name. */
function inside(folder: FileHandle, path: string, name: string): string {
  return process.platform === "linux" ? `/proc/self/fd/${folder.fd}/${name}` : join(path, name);
}
