import type { InstallableKind } from "../../domain/provision/recommend-runtime.ts";
import { findLockHolder } from "../../platform/process-lock.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { GatewayDeps } from "./gateway-deps.ts";
import { gatewayFiles, loadGatewayRecord, removeGatewayRecord, saveGatewayRecord } from "./gateway-files.ts";
import { endProcess } from "./gateway-process.ts";
import { findOwnProcess } from "./launch-gateway.ts";

/** OpenClaw finishes what it works on for up to 315 s. */
export const defaultStopLimitMs = 330_000;

export interface StopGatewayDeps extends GatewayDeps {
  /** Time between SIGTERM and SIGKILL; default {@link defaultStopLimitMs}. */
  readonly stopLimitMs?: number;
}

/**
 * Ends the gateway that was started here: only the very process that was recorded. One that is kept alive by an agent stays
 * down, too, until it is started again. Resolves whether there was one.
 * @throws MeshError RUNTIME_START_FAILED when it cannot be ended
 */
export async function stopGateway(kind: InstallableKind, deps: StopGatewayDeps): Promise<boolean> {
  const files = gatewayFiles(deps.dataDir, kind);
  const gateway = await findOwnProcess(files);
  const record = await loadGatewayRecord(files);
  // One that is down and kept alive would be started again in a moment.
  const isKept = findLockHolder(files.supervisorLock) !== null;
  if (record === null || (gateway === null && (!isKept || record.stop_asked))) {
    await removeGatewayRecord(files);
    return false;
  }
  // Whoever keeps it alive reads this.
  await saveGatewayRecord(files, { ...record, stop_asked: true });
  if (gateway === null) return true;
  const hasEnded = await endProcess(gateway, {
    clock: deps.clock,
    limitMs: deps.stopLimitMs ?? defaultStopLimitMs,
  });
  if (!hasEnded) {
    throw new MeshError(
      "RUNTIME_START_FAILED",
      `Process ${record.pid} of the gateway of ${kind} cannot be ended.`,
      {
        hint: "It hangs in the system; only a restart of the machine ends it.",
      },
    );
  }
  return true;
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
