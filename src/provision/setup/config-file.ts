import { mkdir, realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { errorCodeOf, readTextIfExists, writeFileAtomic } from "../../platform/atomic-file.ts";
import type { Clock } from "../../platform/clock.ts";
import { toIsoTime } from "../../platform/clock.ts";
import { privateDirMode, privateFileMode } from "../../platform/private-files.ts";
import { MeshError } from "../../protocol/errors.ts";

/** `openclaw.json.claw-mesh-20261122T100000Z.bak` */
export function backupPath(path: string, clock: Clock): string {
  const time = toIsoTime(clock.nowMs()).replace(/\.\d+/, "").replaceAll(/[-:]/g, "");
  return `${path}.claw-mesh-${time}.bak`;
}

/**
 * null: there is none.
 * @throws MeshError RUNTIME_START_FAILED when it cannot be read
 */
export async function readConfigFile(path: string): Promise<string | null> {
  try {
    return await readTextIfExists(path);
  } catch (error) {
    throw fileFailure(path, "read", error);
  }
}

/**
 * Keeps the text of a file beside it, for its owner alone; an earlier copy of the same second is as good.
 * @throws MeshError DISK_FULL, RUNTIME_START_FAILED
 */
export async function keepBackup(backup: string, text: string): Promise<void> {
  try {
    await writeFileAtomic(backup, text, { mode: privateFileMode, overwrite: false });
  } catch (error) {
    if (errorCodeOf(error) !== "EEXIST") throw fileFailure(backup, "written", error);
  }
}

/**
 * Writes a configuration for its owner alone, with the folders that it needs.
 * @throws MeshError DISK_FULL, RUNTIME_START_FAILED
 */
export async function writeConfigFile(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: privateDirMode });
    // One that is kept elsewhere and linked here stays there.
    const target = await realpath(path).catch(() => path);
    await writeFileAtomic(target, text, { mode: privateFileMode, overwrite: true });
  } catch (error) {
    throw fileFailure(path, "written", error);
  }
}

function fileFailure(path: string, what: "read" | "written", cause: unknown): MeshError {
  const code = errorCodeOf(cause);
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new MeshError("DISK_FULL", `There is no room for ${path}.`, { cause });
  }
  return new MeshError("RUNTIME_START_FAILED", `${path} cannot be ${what} (${code ?? "unknown reason"}).`, {
    hint: "Check who owns the file and its folder.",
    cause,
  });
}
