import { constants } from "node:fs";
import { copyFile } from "node:fs/promises";
import { toIsoTime } from "../../platform/clock.ts";

/** Copies a file beside itself before it changes: `AGENTS.md.claw-mesh-20261102T101500123Z.bak`. Never over another. */
export async function keepBackup(path: string, nowMs: number): Promise<void> {
  const stamp = toIsoTime(nowMs).replace(/[-:.]/g, "");
  await copyFile(path, `${path}.claw-mesh-${stamp}.bak`, constants.COPYFILE_EXCL);
}
