import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import type { InstallableKind } from "../../domain/provision/recommend-runtime.ts";
import { errorCodeOf, writeFileAtomic } from "../../platform/atomic-file.ts";
import { privateDirMode, privateFileMode } from "../../platform/private-files.ts";
import { MeshError } from "../../protocol/errors.ts";
import { parseJsonText } from "../../protocol/json-text.ts";
import { readOwnRecord } from "../own-record.ts";
import { withFileFailures } from "./file-failure.ts";
import { installRecordFile } from "./install-places.ts";

/** What this program installed for a runtime, as it is kept in `install.json`. What is there counts, not what is written here. */
export const InstallRecord = z.object({
  version: z.string().max(128),
  /** Its program, or the folder of its npm package. */
  place: z.string().min(1).max(4096),
  /** npm package or address that it came from. */
  source: z.string().max(4096),
  /** Hash of what was downloaded, as its publisher names it. */
  checksum: z.string().max(256),
});
export type InstallRecord = z.infer<typeof InstallRecord>;

/** null: nothing was installed from here, or the file cannot be read; then the usual places are looked at. */
export async function loadInstallRecord(
  dataDir: string,
  kind: InstallableKind,
): Promise<InstallRecord | null> {
  try {
    const text = await readOwnRecord(installRecordFile(dataDir, kind));
    if (text === null) return null;
    const record = InstallRecord.safeParse(parseJsonText(text));
    return record.success ? record.data : null;
  } catch (error) {
    // Another user's says nothing of what was installed from here.
    if (error instanceof MeshError && error.code === "FILE_UNSAFE") return null;
    if (error instanceof SyntaxError || errorCodeOf(error) !== null) return null;
    throw error;
  }
}

export async function saveInstallRecord(
  dataDir: string,
  kind: InstallableKind,
  record: InstallRecord,
): Promise<void> {
  const path = installRecordFile(dataDir, kind);
  await withFileFailures(path, async () => {
    await mkdir(dirname(path), { recursive: true, mode: privateDirMode });
    const text = `${JSON.stringify(record, null, 2)}\n`;
    await writeFileAtomic(path, text, { mode: privateFileMode, overwrite: true });
  });
}
