import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { InstallableKind } from "../../domain/provision/recommend-runtime.ts";
import { writeFileAtomic } from "../../platform/atomic-file.ts";
import { privateDirMode, privateFileMode } from "../../platform/private-files.ts";
import { parseJsonText } from "../../protocol/json-text.ts";
import { readOwnRecord } from "../own-record.ts";

/** A gateway that this program started, as it is kept in `gateway.json`. */
export const GatewayRecord = z.object({
  pid: z.int().positive(),
  /** With the pid it names one process. */
  started_at: z.string().min(1).max(256),
  command: z.array(z.string().max(4096)).max(64),
  endpoint: z.string().max(512),
  /** Somebody asked for its end: nobody starts it again. */
  stop_asked: z.boolean(),
  /** Value of {@link startVariable} in its environment; null: of one that was started without. */
  start_id: z.string().max(64).nullable().default(null),
});
export type GatewayRecord = z.infer<typeof GatewayRecord>;

/** Names a start in the environment of what was started: whoever starts a gateway may end before it has noted the process. */
export const startVariable = "GATEWAY_START_ID";

/** A gateway that is about to be started, as it is kept in `starting.json` until `gateway.json` names its process. */
const GatewayStart = GatewayRecord.pick({ command: true, endpoint: true }).extend({
  start_id: z.string().min(1).max(64),
});
export type GatewayStart = z.infer<typeof GatewayStart>;

/** Below the data directory; what concerns the gateway of one kind. */
export interface GatewayFiles {
  readonly folder: string;
  readonly record: string;
  readonly starting: string;
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
    starting: join(folder, "starting.json"),
    log: join(folder, "gateway.log"),
    startLock: join(folder, "start.lock"),
    supervisorLock: join(folder, "supervisor.lock"),
  };
}

/** @throws the file system's error, with its `code` */
export async function createGatewayFolder({ folder }: GatewayFiles): Promise<void> {
  await mkdir(folder, { recursive: true, mode: privateDirMode });
}

/**
 * null: none was started, or what is there cannot be understood; its process is nobody's then.
 * @throws MeshError FILE_UNSAFE for one that another user may have written
 */
export async function loadGatewayRecord(files: GatewayFiles): Promise<GatewayRecord | null> {
  return await loadJson(files.record, GatewayRecord);
}

/** null: none is under way, or what is there cannot be understood. */
export async function loadGatewayStart(files: GatewayFiles): Promise<GatewayStart | null> {
  return await loadJson(files.starting, GatewayStart);
}

async function loadJson<T>(path: string, schema: z.ZodType<T>): Promise<T | null> {
  const text = await readOwnRecord(path);
  if (text === null) return null;
  try {
    const parsed = schema.safeParse(parseJsonText(text));
    return parsed.success ? parsed.data : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** @throws the file system's error, with its `code` */
export async function saveGatewayRecord(files: GatewayFiles, record: GatewayRecord): Promise<void> {
  await saveJson(files.record, record);
}

/** @throws the file system's error, with its `code` */
export async function saveGatewayStart(files: GatewayFiles, start: GatewayStart): Promise<void> {
  await saveJson(files.starting, start);
}

async function saveJson(path: string, value: GatewayRecord | GatewayStart): Promise<void> {
  const text = `${JSON.stringify(value, null, 2)}\n`;
  await writeFileAtomic(path, text, { mode: privateFileMode, overwrite: true });
}

/** Does nothing when there is none. Under the start lock only, as else it may be that of the next gateway. */
export async function removeGatewayRecord(files: GatewayFiles): Promise<void> {
  await rm(files.record, { force: true });
}

/** Does nothing when there is none. Under the start lock only. */
export async function removeGatewayStart(files: GatewayFiles): Promise<void> {
  await rm(files.starting, { force: true });
}
