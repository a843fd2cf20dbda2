import { mkdir, readlink, realpath } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { errorCodeOf, isFullDisk, writeFileAtomic } from "../../platform/atomic-file.ts";
import { readBoundedText } from "../../platform/bounded-file.ts";
import type { Clock } from "../../platform/clock.ts";
import { toIsoTime } from "../../platform/clock.ts";
import { findOwner } from "../../platform/file-owner.ts";
import { privateDirMode, privateFileMode } from "../../platform/private-files.ts";
import { MeshError } from "../../protocol/errors.ts";

/** `openclaw.json.claw-mesh-20261122T100000Z.bak` */
export function backupPath(path: string, clock: Clock): string {
  const time = toIsoTime(clock.nowMs()).replace(/\.\d+/, "").replaceAll(/[-:]/g, "");
  return `${path}.claw-mesh-${time}.bak`;
}

/** Bytes of a configuration; a real one has a few thousand. */
const maxBytes = 1024 * 1024;

const problems = {
  "not-a-file": "it is no ordinary file",
  "too-large": `it is longer than ${maxBytes} bytes`,
  "not-text": "it is no text",
  unreadable: "this user may not, or the disk fails",
} as const;

/**
 * null: there is none.
 * @throws MeshError RUNTIME_START_FAILED when it cannot be read, or is no file that could be a configuration
 */
export async function readConfigFile(path: string): Promise<string | null> {
  const read = await readBoundedText(path, { maxBytes, followsLinks: true });
  if ("text" in read) return read.text;
  if (read.problem === "absent") return null;
  throw new MeshError("RUNTIME_START_FAILED", `${path} cannot be read: ${problems[read.problem]}.`, {
    hint: "Check what the file is and who owns it and its folder.",
  });
}

/**
 * Keeps the text of a file beside it, for its owner alone; an earlier copy of the same second is as good.
 * @throws MeshError DISK_FULL, RUNTIME_START_FAILED
 */
export async function keepBackup(backup: string, text: string): Promise<void> {
  try {
    const owner = await findOwner(dirname(backup));
    await writeFileAtomic(backup, text, {
      mode: privateFileMode,
      overwrite: false,
      ...(owner === null ? {} : { owner }),
    });
  } catch (error) {
    if (errorCodeOf(error) !== "EEXIST") throw fileFailure(backup, error);
  }
}

/**
 * Writes a configuration for its owner alone, who stays the same, with the folders that it needs.
 * @throws MeshError DISK_FULL, RUNTIME_START_FAILED
 */
export async function writeConfigFile(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: privateDirMode });
    const target = await findTarget(path);
    const owner = (await findOwner(target)) ?? (await findOwner(dirname(target)));
    const options = { mode: privateFileMode, overwrite: true, ...(owner === null ? {} : { owner }) };
    await writeFileAtomic(target, text, options);
  } catch (error) {
    throw fileFailure(path, error);
  }
}

/** One that is kept elsewhere and linked here stays there, also while it is not there yet. */
async function findTarget(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (errorCodeOf(error) !== "ENOENT") throw error;
    const link = await readlink(path).catch(() => null);
    return link === null ? path : resolve(dirname(path), link);
  }
}

function fileFailure(path: string, cause: unknown): MeshError {
  const code = errorCodeOf(cause);
  if (isFullDisk(cause)) return new MeshError("DISK_FULL", `There is no room for ${path}.`, { cause });
  return new MeshError("RUNTIME_START_FAILED", `${path} cannot be written (${code ?? "unknown reason"}).`, {
    hint: "Check who owns the file and its folder.",
    cause,
  });
}
