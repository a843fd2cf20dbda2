import { errorCodeOf } from "../../platform/atomic-file.ts";
import { delay } from "../../platform/clock.ts";
import { isProcessRunning, type ProcessIdentity, signalProcess } from "../../platform/process-identity.ts";
import { acquireLock, findLockHolder, type ProcessLock } from "../../platform/process-lock.ts";
import { findProcessesWith } from "../../platform/process-search.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { GatewayProgram } from "../gateway-program.ts";
import type { GatewayDeps } from "./gateway-deps.ts";
import {
  createGatewayFolder,
  type GatewayFiles,
  type GatewayRecord,
  loadGatewayRecord,
  loadGatewayStart,
  removeGatewayRecord,
  removeGatewayStart,
  saveGatewayRecord,
  startVariable,
} from "./gateway-files.ts";
import { type GatewayProcess, toGatewayProcess } from "./gateway-process.ts";

/** Somebody else may be starting it: that takes moments, as readiness is not waited for under the lock. */
const lockWaitMs = 20_000;
const lockLookMs = 100;

/**
 * Whoever starts a gateway, or decides about the record of one, has this.
 * @throws MeshError RUNTIME_START_FAILED when another one has it for too long; DATA_DIR_UNUSABLE
 */
export async function lockStart(
  files: GatewayFiles,
  { clock }: Pick<GatewayDeps, "clock">,
): Promise<ProcessLock> {
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

/** The process of `gateway.json`, while it runs. */
export async function findOwnProcess(files: GatewayFiles): Promise<GatewayProcess | null> {
  const record = await loadGatewayRecord(files);
  if (record === null) return null;
  const gateway = toGatewayProcess(toIdentity(record));
  return gateway.isRunning() ? gateway : null;
}

/**
 * As {@link findOwnProcess}, and also one whose starter ended before it could note the process, which is noted now. Under the
 * start lock only: without it, it is being started.
 */
export async function claimOwnProcess(files: GatewayFiles): Promise<GatewayProcess | null> {
  const own = await findOwnProcess(files);
  const start = await loadGatewayStart(files);
  if (start === null) return own;
  const found = own === null ? findStarted(start.start_id) : null;
  if (found === null) {
    await removeGatewayStart(files);
    return own;
  }
  try {
    await saveGatewayRecord(files, { ...start, ...toRecorded(found), stop_asked: false });
    await removeGatewayStart(files);
  } catch (error) {
    // A full disk; it is found by its start as long as that stays.
    if (errorCodeOf(error) === null) throw error;
  }
  return toGatewayProcess(found);
}

/** The one that leads, of those that were started with this id. */
function findStarted(startId: string): ProcessIdentity | null {
  const all = findProcessesWith(startVariable, startId);
  const pids = new Set(all.map(({ identity }) => identity.pid));
  const leads = all.find(
    ({ identity, sessionPid, parentPid }) => sessionPid === identity.pid && !pids.has(parentPid),
  );
  return leads?.identity ?? null;
}

interface RunningGateway {
  readonly gateway: Pick<GatewayProgram, "command" | "endpoint">;
  readonly identity: ProcessIdentity;
  readonly startId: string;
}

/**
 * Notes a gateway that runs, unless that was done.
 * @throws the file system's error, with its `code`; MeshError as {@link lockStart}
 */
export async function recordGateway(
  files: GatewayFiles,
  { gateway, identity, startId }: RunningGateway,
  deps: Pick<GatewayDeps, "clock">,
): Promise<void> {
  const isNoted = async () => {
    const record = await loadGatewayRecord(files);
    return record !== null && isOf(record, identity);
  };
  if (await isNoted()) return;
  const lock = await lockStart(files, deps);
  try {
    if ((await isNoted()) || !isProcessRunning(identity)) return;
    const { command, endpoint } = gateway;
    const record = { ...toRecorded(identity), command: [...command], endpoint, start_id: startId };
    await saveGatewayRecord(files, { ...record, stop_asked: false });
  } finally {
    lock.release();
  }
}

/** Removes the record of this gateway, which has ended, and leaves that of another one alone. */
export async function forgetGateway(
  files: GatewayFiles,
  identity: ProcessIdentity,
  deps: Pick<GatewayDeps, "clock">,
): Promise<void> {
  const lock = await lockStart(files, deps);
  try {
    const record = await loadGatewayRecord(files);
    if (record !== null && isOf(record, identity)) await removeGatewayRecord(files);
  } finally {
    lock.release();
  }
}

/**
 * Ends what an ended gateway has left behind in its session: a worker would keep its port. What made itself a session of its
 * own was meant to stay.
 */
export function endLeftovers({ pid, start_id }: GatewayRecord): void {
  if (start_id === null) return;
  for (const { identity, sessionPid } of findProcessesWith(startVariable, start_id)) {
    if (sessionPid !== pid || identity.pid === pid) continue;
    try {
      signalProcess(identity, "SIGKILL");
    } catch (error) {
      // It has become another user's.
      if (errorCodeOf(error) !== "EPERM") throw error;
    }
  }
}

/** Whether the record is about this very process. */
export function isOf({ pid, started_at }: GatewayRecord, identity: ProcessIdentity): boolean {
  return pid === identity.pid && started_at === identity.startedAt;
}

export function toRecorded({ pid, startedAt }: ProcessIdentity) {
  return { pid, started_at: startedAt };
}

function toIdentity({ pid, started_at }: GatewayRecord): ProcessIdentity {
  return { pid, startedAt: started_at };
}
