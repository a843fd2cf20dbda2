import type { InstallableKind } from "../../domain/provision/recommend-runtime.ts";
import { errorCodeOf, isFullDisk } from "../../platform/atomic-file.ts";
import { findLockHolder } from "../../platform/process-lock.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { GatewayDeps } from "./gateway-deps.ts";
import {
  type GatewayFiles,
  type GatewayRecord,
  gatewayFiles,
  loadGatewayRecord,
  loadGatewayStart,
  removeGatewayRecord,
  saveGatewayRecord,
} from "./gateway-files.ts";
import { endProcess, type GatewayProcess } from "./gateway-process.ts";
import { claimOwnProcess, findOwnProcess, lockStart } from "./own-gateway.ts";

/** OpenClaw finishes what it works on for up to 315 s. */
export const defaultStopLimitMs = 330_000;

export interface StopGatewayDeps extends GatewayDeps {
  /** Time between SIGTERM and SIGKILL; default {@link defaultStopLimitMs}. */
  readonly stopLimitMs?: number;
}

/**
 * Ends the gateway that was started here: only the very process that was recorded. One that is kept alive by an agent stays
 * down, too, until it is started again. Resolves whether there was one.
 * @throws MeshError RUNTIME_START_FAILED when it cannot be ended; DISK_FULL and DATA_DIR_UNUSABLE when it was, but the agent
 *   that keeps it alive could not be told
 */
export async function stopGateway(kind: InstallableKind, deps: StopGatewayDeps): Promise<boolean> {
  const asked = await askForEnd(kind, deps);
  if (asked === null) return false;
  const { process, noteProblem } = asked;
  const limitMs = deps.stopLimitMs ?? defaultStopLimitMs;
  if (process !== null && !(await endProcess(process, { clock: deps.clock, limitMs }))) {
    throw new MeshError(
      "RUNTIME_START_FAILED",
      `Process ${process.identity.pid} of the gateway of ${kind} cannot be ended.`,
      {
        hint: "It hangs in the system; only a restart of the machine ends it.",
      },
    );
  }
  if (noteProblem !== null) throw notNoted(kind, noteProblem);
  return true;
}

interface AskedEnd {
  /** null: it is down, and waits to be started again. */
  readonly process: GatewayProcess | null;
  /** Why whoever keeps it alive does not hear of it; null: they do, or nobody keeps it. */
  readonly noteProblem: unknown;
}

/** Notes that it is to stay down; null: there is none. Under the lock, so that nobody starts it meanwhile. */
async function askForEnd(kind: InstallableKind, deps: StopGatewayDeps): Promise<AskedEnd | null> {
  const files = gatewayFiles(deps.dataDir, kind);
  if ((await loadGatewayRecord(files)) === null && (await loadGatewayStart(files)) === null) return null;
  const lock = await lockStart(files, deps);
  try {
    const process = await claimOwnProcess(files);
    const record = await loadGatewayRecord(files);
    // One that is down and kept alive would be started again in a moment.
    const isKept = findLockHolder(files.supervisorLock) !== null;
    if (process === null && (record === null || !isKept || record.stop_asked)) {
      await removeGatewayRecord(files);
      return null;
    }
    const noteProblem = record === null ? null : await noteStop(files, record);
    return { process, noteProblem: isKept ? noteProblem : null };
  } finally {
    lock.release();
  }
}

/** Whoever keeps it alive reads this. A full disk keeps nobody from ending it. */
async function noteStop(files: GatewayFiles, record: GatewayRecord): Promise<unknown> {
  try {
    await saveGatewayRecord(files, { ...record, stop_asked: true });
    return null;
  } catch (error) {
    if (errorCodeOf(error) === null) throw error;
    return error;
  }
}

function notNoted(kind: InstallableKind, cause: unknown): MeshError {
  const code = isFullDisk(cause) ? "DISK_FULL" : "DATA_DIR_UNUSABLE";
  return new MeshError(
    code,
    `The gateway of ${kind} was ended, but the agent that keeps it alive could not be told, and will start it again.`,
    { hint: "Make room on the disk, then try again.", cause },
  );
}

/** What is known of the gateway of a kind that was started here. */
export interface GatewayState {
  readonly kind: InstallableKind;
  readonly isRunning: boolean;
  readonly pid: number | null;
  readonly endpoint: string | null;
  readonly logFile: string;
}

/** @throws the file system's error, with its `code` */
export async function readGatewayState(
  kind: InstallableKind,
  { dataDir }: GatewayDeps,
): Promise<GatewayState> {
  const files = gatewayFiles(dataDir, kind);
  const record = await loadGatewayRecord(files);
  const isRunning = (await findOwnProcess(files)) !== null;
  return {
    kind,
    isRunning,
    pid: isRunning ? (record?.pid ?? null) : null,
    endpoint: record?.endpoint ?? null,
    logFile: files.log,
  };
}
