import { readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { hasHiddenText } from "../../domain/seed/hidden-text.ts";
import { holdsSecret } from "../../domain/seed/private-text.ts";
import { parseSeedPath, seedNames } from "../../domain/seed/seed-path.ts";
import { readBoundedText } from "../../platform/bounded-file.ts";
import { maxSeedFileLength, maxSeedFiles, type SeedFile } from "../../protocol/http/seed-routes.ts";

/** Bytes of all files of one seed. */
export const maxSeedBytes = 8 * 1024 * 1024;

/** Entries of the folder of memories that are looked at. */
const maxEntries = 10_000;

interface WorkspaceSeed {
  readonly files: readonly SeedFile[];
  /** What was left out, and why; names only. */
  readonly leftOut: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * The files of a workspace that other machines may have: regular files, no links, of memories the newest by name. A text in
 * which anything looks like a secret stays here as a whole. Never rejects; an absent workspace is an empty one.
 */
export async function readWorkspace(workspace: string): Promise<WorkspaceSeed> {
  const files: SeedFile[] = [];
  const leftOut: { path: string; reason: string }[] = [];
  let leftBytes = maxSeedBytes;
  for (const path of [...seedNames, ...(await listMemories(workspace))]) {
    const read = await readBoundedText(join(workspace, path), {
      maxBytes: maxSeedFileLength,
      followsLinks: false,
    });
    if ("problem" in read) {
      if (read.problem !== "absent") leftOut.push({ path, reason: read.problem });
    } else if (holdsSecret(read.text)) {
      leftOut.push({ path, reason: "it holds what looks like a secret" });
    } else if (hasHiddenText(read.text)) {
      leftOut.push({ path, reason: "it holds characters that are not to be seen" });
    } else if (files.length === maxSeedFiles || read.stats.size > leftBytes) {
      leftOut.push({ path, reason: "there is too much" });
    } else {
      leftBytes -= read.stats.size;
      files.push({ path, content: read.text });
    }
  }
  return { files, leftOut };
}

/** Names are dates: the last is the newest. */
async function listMemories(workspace: string): Promise<readonly string[]> {
  const folder = join(workspace, "memory");
  const [real, base] = await Promise.all([folder, workspace].map((path) => realpath(path).catch(() => null)));
  // A link in place of the folder leads to what is no part of the workspace.
  if (real === null || base === null || real !== join(String(base), "memory")) return [];
  const names = await readdir(folder).catch((): readonly string[] => []);
  return names
    .slice(0, maxEntries)
    .map((name) => `memory/${name}`)
    .filter((path) => parseSeedPath(path) !== null)
    .toSorted()
    .toReversed();
}
