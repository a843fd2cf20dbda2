import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { InstallableKind } from "../../domain/provision/recommend-runtime.ts";
import { readTextIfExists, writeFileAtomic } from "../../platform/atomic-file.ts";
import { privateDirMode, privateFileMode } from "../../platform/private-files.ts";
import { parseJsonText } from "../../protocol/json-text.ts";

/** A gateway that this program started, as it is kept in `gateway.json`. */
export const GatewayRecord = z.object({
  pid: z.int().positive(),
  /** With the pid it names one process. */
  started_at: z.string().min(1).max(256),
  command: z.array(z.string().max(4096)).max(64),
  endpoint: z.string().max(512),
  /** Somebody asked for its end: nobody starts it again. */
  stop_asked: z.boolean(),
});
export type GatewayRecord = z.infer<typeof GatewayRecord>;

/** Below the data directory; what concerns the gateway of one kind. */
export interface GatewayFiles {
  readonly folder: string;
  readonly record: string;
  readonly log: string;
  /** Held while a gateway of the kind is started or ended. */
  readonly startLock: string;
  /** Held by the one agent that keeps it alive. */
  readonly supervisorLock: string;
}

export function gatewayFiles(dataDir: string, kind: InstallableKind): GatewayFiles {
  const folder = join(dataDir, "runtimes", kind);
  return {
    folder,
    record: join(folder, "gateway.json"),
    log: join(folder, "gateway.log"),
    startLock: join(folder, "start.lock"),
    supervisorLock: join(folder, "supervisor.lock"),
  };
}

/** @throws the file system's error, with its `code` */
export async function createGatewayFolder({ folder }: GatewayFiles): Promise<void> {
  await mkdir(folder, { recursive: true, mode: privateDirMode });
}

/** null: none was started, or what is there cannot be understood; its process is nobody's then. */
export async function loadGatewayRecord(files: GatewayFiles): Promise<GatewayRecord | null> {
  const text = await readTextIfExists(files.record);
  if (text === null) return null;
  try {
    const record = GatewayRecord.safeParse(parseJsonText(text));
    return record.success ? record.data : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** @throws the file system's error, with its `code` */
export async function saveGatewayRecord(files: GatewayFiles, record: GatewayRecord): Promise<void> {
  await writeFileAtomic(files.record, `${JSON.stringify(record, null, 2)}\n`, {
    mode: privateFileMode,
    overwrite: true,
  });
}

/** Does nothing when there is none. */
export async function removeGatewayRecord(files: GatewayFiles): Promise<void> {
  await rm(files.record, { force: true });
}
