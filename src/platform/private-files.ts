import { constants, type Stats } from "node:fs";
import { chmod, lstat, mkdir, open, readdir, readlink, realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { MeshError } from "../protocol/errors.ts";
import { errorCodeOf } from "./atomic-file.ts";
import type { Log } from "./log.ts";

/** Only its owner may enter a state directory, and read a file with a secret. */
export const privateDirMode = 0o700;
export const privateFileMode = 0o600;

const othersMayDoAnything = 0o077;
const groupMayDoAnything = 0o070;
const groupMayWrite = 0o020;
const othersMayWrite = 0o002;
const isSticky = 0o1000;

/** Inside a container's user namespace, folders of the real root appear as those of this user, which owns nothing itself. */
const unmappedUser = 65_534;

/** Entries of a state directory that are looked at; it holds about twenty. */
const maxEntries = 10_000;
const maxDepth = 4;

/** What this program keeps at the top of its state directory; whatever else a person put there is left alone. */
const ownName =
  /^(?:token|direct\.key|lock|lock\.pid|coordinator\.json|mesh\.db.*|tls|nodes|runtimes|seed|services|audit.*)$/;

/** What a person keeps there for this program, or a script of ours does. */
const befitting = /^(?:config\.ya?ml|claw-mesh\.ya?ml|run|.*\.log|.*\.tmp|\..*)$/;

/** Without one of these nothing in a folder is known to be ours: other programs have folders called `nodes` or `tls`. */
const ownMark = /^(?:token|direct\.key|lock\.pid|coordinator\.json|mesh\.db)$/;

interface PrivateDirOptions {
  readonly log: Log;
  /** Made by this program within its state directory, and so its own whatever is in it; default: what it holds tells. */
  readonly isOwn?: boolean;
}

/**
 * Creates the state directory when it is missing, and makes it and what this program keeps in it its owner's alone:
 * directories 0700, files 0600; each repair is one log line. Opens none of the files, as closing one would drop the locks that
 * this process has on it: once nobody else may change the directory, there is nothing that could be swapped meanwhile.
 * A folder that holds things of others beside ours, or nothing of ours, keeps its mode: closing it would take it from them.
 * Does nothing but create it on Windows, whose user profile is private already.
 * @throws MeshError FILE_UNSAFE for a symbolic link, a thing of another user, or a folder on the way that others may
 *   write to; DATA_DIR_UNUSABLE
 */
export async function preparePrivateDir(path: string, { log, isOwn }: PrivateDirOptions): Promise<void> {
  await orUnusable(path, async () => {
    await mkdir(path, { recursive: true, mode: privateDirMode });
    const repair: OnOpen = async ({ path: open, mode, wanted, close }) => {
      await close();
      tellRepair(log, open, mode, wanted);
    };
    await walkPrivateDir(path, repair, isOwn);
  });
}

/** Something of the state directory that other users may read. */
export interface OpenEntry {
  readonly path: string;
  /** As octal digits: `644`. */
  readonly mode: string;
}

/**
 * What {@link preparePrivateDir} would repair; changes nothing. Empty when there is no such directory.
 * @throws MeshError FILE_UNSAFE, DATA_DIR_UNUSABLE
 */
export async function findOpenEntries(path: string): Promise<readonly OpenEntry[]> {
  const found: OpenEntry[] = [];
  await orUnusable(path, async () => {
    if ((await lstatIfExists(path)) === null) return;
    await walkPrivateDir(path, async ({ path: open, mode }) => {
      found.push({ path: open, mode: modeText(mode) });
    });
  });
  return found;
}

async function orUnusable(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof MeshError) throw error;
    const code = errorCodeOf(error);
    throw new MeshError(
      "DATA_DIR_UNUSABLE",
      `cannot use the directory ${path} (${code ?? "unknown reason"})`,
      {
        cause: error,
      },
    );
  }
}

/** One that others may read; `close` makes it its owner's alone. */
interface FoundOpen {
  readonly path: string;
  readonly mode: number;
  readonly wanted: number;
  readonly close: () => Promise<void>;
}

type OnOpen = (found: FoundOpen) => Promise<void>;

async function walkPrivateDir(path: string, onOpen: OnOpen, isOwn = false): Promise<void> {
  const uid = process.getuid?.();
  if (uid === undefined) return;
  const real = await realpath(path);
  await checkWay(real, uid);
  const use = isOwn ? { isShared: false, hasOurs: true } : await readUse(real);
  await visitDirectory(real, { uid, onOpen, keepsMode: use.isShared || (await isHome(real)) });
  if (!use.hasOurs) return;
  await visitEntries(real, { uid, onOpen, depth: 0, left: { count: maxEntries } });
}

/** Whose things a folder holds. The folder that has our name is ours, whatever is in it. */
async function readUse(real: string): Promise<{ readonly isShared: boolean; readonly hasOurs: boolean }> {
  const names = await readdir(real);
  if (basename(real) === ".claw-mesh") return { isShared: false, hasOurs: true };
  const isShared = names.some((name) => !ownName.test(name) && !befitting.test(name));
  if (!isShared || names.some((name) => ownMark.test(name))) return { isShared, hasOurs: true };
  const meshes = names.includes("nodes") ? await readdir(join(real, "nodes")).catch(() => []) : [];
  return { isShared, hasOurs: meshes.some((name) => name.startsWith("mesh_")) };
}

/** The home directory keeps its mode when it is given as the state directory: other programs need theirs. */
async function isHome(real: string): Promise<boolean> {
  const home = homedir();
  return real === "/" || real === home || real === (await realpath(home).catch(() => home));
}

/** As sshd looks at the way to a key: every folder above belongs to this user or to root, and only they may change it. */
async function checkWay(path: string, uid: number): Promise<void> {
  const open = await findOpenFolder(path, uid);
  if (open !== null) throw unsafe(open.folder, open.problem);
}

/** The first folder above this path that somebody else could change. */
async function findOpenFolder(
  path: string,
  uid: number,
): Promise<{ readonly folder: string; readonly problem: string } | null> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const stats = await lstat(folder);
    if (stats.uid !== uid && stats.uid !== 0 && stats.uid !== unmappedUser) {
      return { folder, problem: `belongs to another user (${stats.uid})` };
    }
    if (mayOthersWrite(stats, uid) && (stats.mode & isSticky) === 0) {
      return { folder, problem: `may be changed by other users (mode ${modeText(stats.mode)})` };
    }
    if (folder === dirname(folder)) return null;
  }
}

/** A group with the number of its user is that user's own: many systems make one for each and let it write. */
function mayOthersWrite({ mode, gid }: Pick<Stats, "mode" | "gid">, uid: number): boolean {
  return (mode & othersMayWrite) !== 0 || ((mode & groupMayWrite) !== 0 && gid !== uid && gid !== 0);
}

interface VisitOptions {
  readonly uid: number;
  readonly onOpen: OnOpen;
}

async function visitDirectory(
  path: string,
  { uid, onOpen, keepsMode }: VisitOptions & { readonly keepsMode: boolean },
): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const stats = await directory.stat();
    checkOwner(path, stats, uid);
    // A folder for everybody, such as /tmp, is not ours to close.
    if ((stats.mode & isSticky) !== 0) throw unsafe(path, "is a folder that all users share");
    if ((stats.mode & othersMayDoAnything) === 0) return;
    if (keepsMode) {
      if (mayOthersWrite(stats, uid)) throw unsafe(path, "may be changed by other users");
      return;
    }
    const close = () => directory.chmod(privateDirMode);
    await onOpen({ path, mode: stats.mode, wanted: privateDirMode, close });
  } finally {
    await directory.close();
  }
}

async function visitEntries(
  folder: string,
  options: VisitOptions & { readonly depth: number; readonly left: { count: number } },
): Promise<void> {
  const { uid, onOpen, depth, left } = options;
  for (const name of await readdir(folder)) {
    if (depth === 0 && !ownName.test(name)) continue;
    left.count -= 1;
    if (left.count < 0) throw unsafe(folder, `holds more than ${maxEntries} files`);
    const path = join(folder, name);
    const stats = await lstatIfExists(path);
    if (stats === null) continue;
    if (stats.isSymbolicLink()) throw unsafe(path, "is a symbolic link");
    checkOwner(path, stats, uid);
    if (!stats.isDirectory() && !stats.isFile()) throw unsafe(path, "is no ordinary file");
    const wanted = stats.isDirectory() ? privateDirMode : privateFileMode;
    if ((stats.mode & othersMayDoAnything) !== 0) {
      await onOpen({ path, mode: stats.mode, wanted, close: () => chmod(path, wanted) });
    }
    // Below the folder of the runtimes are programs with links and modes of their own, which nobody else gets at.
    const isOurs = depth > 0 || name !== "runtimes";
    if (stats.isDirectory() && isOurs && depth < maxDepth)
      await visitEntries(path, { uid, onOpen, depth: depth + 1, left });
  }
}

/** Another process, which has the directory too, may have removed it meanwhile. */
async function lstatIfExists(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errorCodeOf(error) === "ENOENT") return null;
    throw error;
  }
}

function checkOwner(path: string, stats: Stats, uid: number): void {
  if (stats.uid !== uid) throw unsafe(path, `belongs to another user (${stats.uid})`);
}

function tellRepair(log: Log, path: string, from: number, to: number): void {
  log.warn("other users could read this; its permissions are mended", {
    path,
    from: modeText(from),
    to: modeText(to),
  });
}

/** Bytes of a file that holds one secret; more is another file. */
const maxSecretFileBytes = 1024 * 1024;

/**
 * The text of a small file with a secret; null when there is none. What was opened is what is checked and read: a symbolic
 * link is not followed, and a pipe that somebody put there does not hold this program up.
 * @throws MeshError FILE_UNSAFE, or the system's error with its `code`
 */
export async function readPrivateText(path: string): Promise<string | null> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, constants.O_RDONLY | noFollow | nonBlocking);
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    if (code === "ELOOP" || code === "EMLINK") throw await linkError(path, error);
    if (code === "EACCES" || code === "EPERM") throw unsafe(path, "cannot be read by this user", error);
    // A socket.
    if (code === "ENXIO") throw unsafe(path, "is no ordinary file", error);
    throw error;
  }
  try {
    const stats = await file.stat();
    const uid = process.getuid?.();
    if (!stats.isFile()) throw unsafe(path, "is no ordinary file");
    // root may read what is another's; its own commands do.
    if (uid !== undefined && uid !== 0 && stats.uid !== uid && stats.uid !== 0) checkOwner(path, stats, uid);
    if (stats.size > maxSecretFileBytes) throw unsafe(path, "is too large to hold a secret");
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

/** 0 on systems without them. */
const noFollow = constants.O_NOFOLLOW ?? 0;
const nonBlocking = constants.O_NONBLOCK ?? 0;

/**
 * Whether others may read the file, as its mode in octal; null when nobody else may, or the system has no modes. A group that
 * is not the file's owner's own was chosen by somebody, and is not taken for others. A link counts as what it points to: a
 * configuration may be one.
 */
export async function findOpenMode(path: string): Promise<string | null> {
  if (process.getuid === undefined) return null;
  try {
    const stats = await lstat(await realpath(path));
    return openBits(stats) === 0 ? null : modeText(stats.mode);
  } catch (error) {
    if (errorCodeOf(error) === null) throw error;
    return null;
  }
}

/**
 * Takes from others what {@link findOpenMode} tells, and nothing more.
 * @throws the system's error, with its `code`
 */
export async function closeToOthers(path: string): Promise<void> {
  const real = await realpath(path);
  const stats = await lstat(real);
  await chmod(real, stats.mode & 0o7777 & ~openBits(stats));
}

/** Of the mode: what is open to everybody, and to a group that nobody has chosen. */
function openBits({ mode, uid, gid }: Stats): number {
  const isOrdinaryGroup = gid === uid || gid === 0 || gid === process.getgid?.();
  const isChosenGroup = !isOrdinaryGroup && (mode & groupMayWrite) === 0;
  return mode & (isChosenGroup ? othersMayDoAnything & ~groupMayDoAnything : othersMayDoAnything);
}

/**
 * How somebody else than this user and root could have written a file that was opened, in words; null when nobody could,
 * or the system has no owners. Its folders count, as whoever may rename it may replace it.
 * @throws the system's error, with its `code`
 */
export async function findForeignHand(path: string, opened: Stats): Promise<string | null> {
  const uid = process.getuid?.();
  if (uid === undefined) return null;
  const problem = describeForeignHand(opened, uid);
  if (problem !== null) return `it ${problem}`;
  const link = await lstat(path);
  if (link.uid !== uid && link.uid !== 0) return `it is a link of another user (${link.uid})`;
  for (const place of new Set([path, await realpath(path)])) {
    const open = await findOpenFolder(place, uid);
    if (open !== null) return `its folder ${open.folder} ${open.problem}`;
  }
  return null;
}

/** Whether the name itself is another user's, link or file, in words; null when it is not, or cannot be looked at. */
export async function findForeignOwner(path: string): Promise<string | null> {
  const uid = process.getuid?.();
  if (uid === undefined) return null;
  try {
    const { uid: owner } = await lstat(path);
    return owner === uid || owner === 0 ? null : `it belongs to another user (${owner})`;
  } catch (error) {
    if (errorCodeOf(error) === null) throw error;
    return null;
  }
}

/** As {@link findForeignHand}, of the file alone. */
export function describeForeignHand(stats: Pick<Stats, "uid" | "gid" | "mode">, uid: number): string | null {
  if (stats.uid !== uid && stats.uid !== 0) return `belongs to another user (${stats.uid})`;
  return mayOthersWrite(stats, uid) ? `may be changed by other users (mode ${modeText(stats.mode)})` : null;
}

async function linkError(path: string, cause: unknown): Promise<MeshError> {
  const target = await readlink(path).catch(() => "an unknown place");
  return unsafe(path, `is a symbolic link (to ${target})`, cause);
}

function unsafe(path: string, problem: string, cause?: unknown): MeshError {
  return new MeshError("FILE_UNSAFE", `${path} ${problem}`, cause === undefined ? {} : { cause });
}

/** `644` */
function modeText(mode: number): string {
  return (mode & 0o7777).toString(8);
}
