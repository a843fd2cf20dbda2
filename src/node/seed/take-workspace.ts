import { lstat, mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { mergeMarkdown } from "../../domain/seed/merge-markdown.ts";
import { parseSeedPath, seedPathKey } from "../../domain/seed/seed-path.ts";
import { errorCodeOf, writeFileAtomic } from "../../platform/atomic-file.ts";
import { readBoundedText } from "../../platform/bounded-file.ts";
import { maxSeedFileLength, type SeedFile } from "../../protocol/http/seed-routes.ts";
import { keepBackup } from "./keep-backup.ts";

/** Characters of all files of one seed; a coordinator sends 8 MiB at most. */
const maxSeedLength = 16 * 1024 * 1024;

const fileMode = 0o600;
const folderMode = 0o700;

export interface TakenWorkspace {
  readonly created: readonly string[];
  readonly merged: readonly string[];
  /** Why a file was not taken; texts of ours. */
  readonly refused: readonly { readonly path: string; readonly reason: string }[];
}

type Taken = "created" | "merged" | "unchanged" | { readonly refused: string };

/**
 * Puts the files of a seed into a workspace: missing ones are created; to those that are there what is new is added, after
 * a backup. Nothing is written outside of the workspace, and through no link, whatever the coordinator calls its files.
 * Doing it again changes nothing.
 * @throws the file system's error when the workspace itself cannot be used
 */
export async function takeWorkspace(
  workspace: string,
  files: readonly SeedFile[],
  nowMs: number,
): Promise<TakenWorkspace> {
  await mkdir(workspace, { recursive: true, mode: folderMode });
  const base = await realpath(workspace);
  const created: string[] = [];
  const merged: string[] = [];
  const refused: { path: string; reason: string }[] = [];
  const seen = new Set<string>();
  let left = maxSeedLength;
  for (const { path, content } of files) {
    left -= content.length;
    const result =
      left < 0 ? { refused: "there is too much" } : await takeFile({ path, content }, { base, seen, nowMs });
    if (result === "created") created.push(path);
    else if (result === "merged") merged.push(path);
    else if (result !== "unchanged") refused.push({ path, reason: result.refused });
  }
  return { created, merged, refused };
}

interface Target {
  /** Real path of the workspace. */
  readonly base: string;
  /** Keys of the paths that were taken before. */
  readonly seen: Set<string>;
  readonly nowMs: number;
}

async function takeFile({ path, content }: SeedFile, { base, seen, nowMs }: Target): Promise<Taken> {
  const place = parseSeedPath(path);
  if (place === null) return { refused: "it is no file of a workspace" };
  const key = seedPathKey(path);
  if (seen.has(key)) return { refused: "another file has the same name" };
  seen.add(key);
  if (content.length > maxSeedFileLength || content.includes("\0"))
    return { refused: "it is no text, or too long" };
  try {
    const folder = join(base, place.folder);
    if (place.folder !== "" && !(await isOwnFolder(folder)))
      return { refused: "its folder is a link, or no folder" };
    return await writeInto(join(folder, place.name), content, nowMs);
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === null) throw error;
    return { refused: `it cannot be written (${code})` };
  }
}

async function writeInto(file: string, content: string, nowMs: number): Promise<Taken> {
  const read = await readBoundedText(file, { maxBytes: maxSeedFileLength, followsLinks: false });
  if ("problem" in read) {
    if (read.problem !== "absent") return { refused: `what is there is ${read.problem}` };
    await writeFileAtomic(file, content, { mode: fileMode, overwrite: false });
    return "created";
  }
  const text = mergeMarkdown(read.text, content);
  if (text === null) return "unchanged";
  if (text.length > maxSeedFileLength) return { refused: "with it the file would be too long" };
  await keepBackup(file, nowMs);
  // Renamed into place: a link that somebody put there meanwhile is replaced, not followed.
  await writeFileAtomic(file, text, { mode: read.stats.mode & 0o777, overwrite: true });
  return "merged";
}

/** Made when it is missing. */
async function isOwnFolder(folder: string): Promise<boolean> {
  await mkdir(folder, { mode: folderMode }).catch((error: unknown) => {
    if (errorCodeOf(error) !== "EEXIST") throw error;
  });
  return (await lstat(folder)).isDirectory();
}
