import { errorCodeOf } from "../../platform/atomic-file.ts";
import { startInBackground } from "../../platform/background-process.ts";
import type { ChildExit } from "../../platform/child-processes.ts";
import { delay } from "../../platform/clock.ts";
import { checkPort } from "../../platform/port-check.ts";
import { acquireLock, findLockHolder, type ProcessLock } from "../../platform/process-lock.ts";
import { MeshError } from "../../protocol/errors.ts";
import { parseGatewayAddress } from "../../runtimes/gateway-address.ts";
import type { GatewayProgram } from "../gateway-program.ts";
import { type GatewayDeps, gatewayEnvironment } from "./gateway-deps.ts";
import {
  createGatewayFolder,
  type GatewayFiles,
  gatewayFiles,
  loadGatewayRecord,
  saveGatewayRecord,
} from "./gateway-files.ts";
import { rotateLog } from "./gateway-log.ts";
import { type GatewayProcess, toGatewayProcess } from "./gateway-process.ts";

/** Somebody else may be starting it: that takes moments, as readiness is not waited for under the lock. */
const lockWaitMs = 10_000;
const lockLookMs = 100;

export interface LaunchedGateway {
  /** `launched`: just now. `running`: it ran already. */
  readonly how: "launched" | "running";
  /** null: it was not started by this program, which therefore never ends it. */
  readonly process: GatewayProcess | null;
}

/**
 * Sees to it that the gateway runs: takes the one that does, else starts it. Does not wait until it is ready. Nobody else
 * of this data directory starts one of the kind at the same time.
 * @throws MeshError RUNTIME_START_FAILED when another program has its port or it cannot be started; DATA_DIR_UNUSABLE
 */
export async function launchGateway(gateway: GatewayProgram, deps: GatewayDeps): Promise<LaunchedGateway> {
  const files = gatewayFiles(deps.dataDir, gateway.kind);
  const lock = await lockStart(files, deps);
  try {
    const own = await findOwnProcess(files);
    if (own !== null) return { how: "running", process: own };
    if (await gateway.isAlive()) return { how: "running", process: null };
    await checkEndpoint(gateway);
    await rotateLog(files.log);
    return { how: "launched", process: await spawnGateway(gateway, files, deps) };
  } finally {
    lock.release();
  }
}

/** The process of `gateway.json`, while it runs. */
export async function findOwnProcess(files: GatewayFiles): Promise<GatewayProcess | null> {
  const record = await loadGatewayRecord(files);
  if (record === null) return null;
  const gateway = toGatewayProcess({ pid: record.pid, startedAt: record.started_at });
  return gateway.isRunning() ? gateway : null;
}

/** @throws MeshError RUNTIME_START_FAILED when another one has it for too long; DATA_DIR_UNUSABLE */
export async function lockStart(files: GatewayFiles, { clock }: GatewayDeps): Promise<ProcessLock> {
  try {
    await createGatewayFolder(files);
  } catch (error) {
    throw new MeshError("DATA_DIR_UNUSABLE", `cannot use the directory ${files.folder}`, { cause: error });
  }
  const endsAtMs = clock.monotonicMs() + lockWaitMs;
  while (true) {
    // Looking first, as taking it stands still while somebody else has it.
    const holder = findLockHolder(files.startLock);
    const lock = holder === null ? acquireLock(files.startLock) : { heldBy: holder };
    if ("release" in lock) return lock;
    if (clock.monotonicMs() >= endsAtMs) {
      throw new MeshError(
        "RUNTIME_START_FAILED",
        `Another claw-mesh (process ${lock.heldBy.pid ?? "unknown"}) is starting the gateway.`,
        { hint: "Wait for it, then try again." },
      );
    }
    await delay(clock, lockLookMs);
  }
}

async function checkEndpoint({ endpoint, kind }: GatewayProgram): Promise<void> {
  const { hostname, port } = new URL(parseGatewayAddress(endpoint).httpUrl);
  if ((await checkPort(hostname.replace(/^\[|\]$/g, ""), Number(port))) === "free") return;
  throw new MeshError(
    "RUNTIME_START_FAILED",
    `Another program has the address ${hostname}:${port} that the gateway of ${kind} is to have.`,
    { hint: `End that program, or give the gateway another port in the configuration of ${kind}.` },
  );
}

async function spawnGateway(
  gateway: GatewayProgram,
  files: GatewayFiles,
  deps: GatewayDeps,
): Promise<GatewayProcess> {
  const child = startChild(gateway, files, deps);
  if (child.identity === null) throw await endedAtOnce(gateway, await child.exited);
  const { pid, startedAt } = child.identity;
  const { command, endpoint } = gateway;
  try {
    const record = { pid, started_at: startedAt, command: [...command], endpoint, stop_asked: false };
    await saveGatewayRecord(files, record);
  } catch (error) {
    // A full disk. It runs, and whoever waits for it may use it; nobody can end it by its kind.
    if (errorCodeOf(error) === null) throw error;
  }
  return toGatewayProcess(child.identity, child.exited);
}

function startChild(gateway: GatewayProgram, files: GatewayFiles, { env }: GatewayDeps) {
  const { command, cwd } = gateway;
  try {
    return startInBackground({
      command,
      cwd,
      env: gatewayEnvironment(env, gateway.env),
      logFile: files.log,
    });
  } catch (error) {
    throw startFailed(
      gateway,
      `${command[0] ?? ""} cannot be started (${errorCodeOf(error) ?? "unknown reason"})`,
      error,
    );
  }
}

async function endedAtOnce(gateway: GatewayProgram, exit: ChildExit): Promise<MeshError> {
  return startFailed(gateway, `it ended at once (${describeExit(exit)})`, undefined);
}

function startFailed({ kind }: GatewayProgram, why: string, cause: unknown): MeshError {
  const message = `The gateway of ${kind} did not start: ${why}.`;
  return new MeshError("RUNTIME_START_FAILED", message, {
    hint: `See what it wrote with: claw-mesh runtime logs ${kind}`,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** `exit code 78`, `SIGKILL` */
export function describeExit({ code, signal }: ChildExit): string {
  return signal ?? `exit code ${code ?? "unknown"}`;
}
