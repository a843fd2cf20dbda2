import { lstat, mkdir, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { hasHiddenText } from "../../domain/seed/hidden-text.ts";
import { mergeMarkdown } from "../../domain/seed/merge-markdown.ts";
import { parseSeedPath, seedPathKey } from "../../domain/seed/seed-path.ts";
import { errorCodeOf, writeFileAtomic } from "../../platform/atomic-file.ts";
import { readBoundedText } from "../../platform/bounded-file.ts";
import type { Clock } from "../../platform/clock.ts";
import { maxSeedFileLength, type SeedFile } from "../../protocol/http/seed-routes.ts";
import { replaceFile } from "./replace-file.ts";

/** Characters of all files of one seed; a coordinator sends 8 MiB at most. */
const maxSeedLength = 16 * 1024 * 1024;

/** Bytes of one file here, with what is added to it. */
const maxFileBytes = 2 * maxSeedFileLength;

/** One more where an agent wrote to the file meanwhile. */
const maxTries = 2;

/** OpenClaw takes the last name, emoji and theme that stand in it: what is added would take the place of this machine's. */
const identityName = "IDENTITY.md";

const fileMode = 0o600;
const folderMode = 0o700;

export interface TakenWorkspace {
  readonly created: readonly string[];
  readonly merged: readonly string[];
  /** Why a file was not taken; texts of ours. */
  readonly refused: readonly { readonly path: string; readonly reason: string }[];
}

/** A file that was written, so that it can be undone. */
export interface SeedChange {
  readonly change: "created" | "changed";
  readonly file: string;
  /** null: it was not there before. */
  readonly backup: string | null;
}

type Taken = SeedChange | { readonly unchanged: true } | { readonly refused: string };

interface WorkspaceDeps {
  readonly clock: Clock;
  /** Told of each file as soon as it is written. */
  readonly onChange: (change: SeedChange) => Promise<void>;
}

/**
 * Puts the files of a seed into a workspace: missing ones are created; to those that are there what is new is added, after
 * a backup. Nothing is written outside of the workspace, and through no link, whatever the coordinator calls its files.
 * Doing it again changes nothing.
 * @throws the file system's error when the workspace itself cannot be used
 */
export async function takeWorkspace(
  workspace: string,
  files: readonly SeedFile[],
  { clock, onChange }: WorkspaceDeps,
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
    const result: Taken =
      left < 0
        ? { refused: "there is too much" }
        : await takeFile({ path, content }, { base, seen, nowMs: clock.nowMs() });
    if ("refused" in result) refused.push({ path, reason: result.refused });
    else if ("change" in result) {
      (result.change === "created" ? created : merged).push(path);
      await onChange(result);
    }
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
  if (content.length > maxSeedFileLength) return { refused: "it is too long" };
  if (hasHiddenText(content)) return { refused: "it holds characters that are not to be seen" };
  try {
    const folder = join(base, place.folder);
    if (place.folder !== "" && !(await isOwnFolder(folder)))
      return { refused: "its folder is a link, or no folder" };
    return await writeInto(join(folder, place.name), content.replace(/^\ufeff/, ""), nowMs);
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === null) throw error;
    return { refused: `it cannot be written (${code})` };
  }
}

async function writeInto(file: string, content: string, nowMs: number): Promise<Taken> {
  for (let tries = 0; tries < maxTries; tries++) {
    const read = await readBoundedText(file, { maxBytes: maxFileBytes, followsLinks: false });
    if ("problem" in read && read.problem !== "absent")
      return { refused: `what is there is ${read.problem}` };
    const own = "text" in read ? read.text : null;
    if (own !== null && basename(file) === identityName) return { unchanged: true };
    const text = mergeMarkdown(own ?? "", content);
    if (text === null) return { unchanged: true };
    if (Buffer.byteLength(text) > maxFileBytes) return { refused: "with it the file would be too long" };
    if (own === null || "problem" in read) {
      await writeFileAtomic(file, text, { mode: fileMode, overwrite: false });
      return { change: "created", file, backup: null };
    }
    const replaced = await replaceFile(file, {
      before: own,
      after: text,
      mode: read.stats.mode & 0o777,
      maxBytes: maxFileBytes,
      nowMs,
    });
    if ("backup" in replaced) return { change: "changed", file, backup: replaced.backup };
    if ("refused" in replaced) return replaced;
  }
  return { refused: "somebody is writing to it" };
}

/** Made when it is missing. */
async function isOwnFolder(folder: string): Promise<boolean> {
  await mkdir(folder, { mode: folderMode }).catch((error: unknown) => {
    if (errorCodeOf(error) !== "EEXIST") throw error;
  });
  return (await lstat(folder)).isDirectory();
}
