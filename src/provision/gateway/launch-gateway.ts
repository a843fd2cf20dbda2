import { errorCodeOf, isFullDisk } from "../../platform/atomic-file.ts";
import { startInBackground } from "../../platform/background-process.ts";
import type { ChildExit } from "../../platform/child-processes.ts";
import { delay } from "../../platform/clock.ts";
import { createSecret } from "../../platform/ids.ts";
import { checkPort } from "../../platform/port-check.ts";
import { explainForeign, findPortOwner } from "../../platform/port-owner.ts";
import type { ProcessIdentity } from "../../platform/process-identity.ts";
import { MeshError } from "../../protocol/errors.ts";
import { parseGatewayAddress } from "../../runtimes/gateway-address.ts";
import type { GatewayProgram } from "../gateway-program.ts";
import { type GatewayDeps, gatewayEnvironment } from "./gateway-deps.ts";
import {
  type GatewayFiles,
  type GatewayStart,
  gatewayFiles,
  loadGatewayRecord,
  removeGatewayRecord,
  removeGatewayStart,
  saveGatewayRecord,
  saveGatewayStart,
  startVariable,
} from "./gateway-files.ts";
import { rotateLog } from "./gateway-log.ts";
import { type GatewayProcess, toGatewayProcess } from "./gateway-process.ts";
import { claimOwnProcess, endLeftovers, isOf, lockStart, toRecorded } from "./own-gateway.ts";

/** A program that starts the gateway and ends itself is given this long until the gateway answers. */
const daemonLimitMs = 5_000;
const daemonLookMs = 100;

export interface LaunchedGateway {
  /** `launched`: just now. `running`: it ran already. `stopped`: somebody asked for its end, and it was not started. */
  readonly how: "launched" | "running" | "stopped";
  /** null: it was not started by this program, which therefore never ends it. */
  readonly process: GatewayProcess | null;
  /** Of the start; null: none was made. */
  readonly startId: string | null;
}

interface LaunchOptions {
  /** It ran before as this process: it is not started again when somebody asked for its end since. */
  readonly after?: ProcessIdentity | null;
  /** Somebody keeps it alive and notes it again: a disk that is full now does not keep it from starting. Default false. */
  readonly isKept?: boolean;
}

/**
 * Sees to it that the gateway runs: takes the one that does, else starts it. Does not wait until it is ready. Nobody else
 * of this data directory starts one of the kind at the same time.
 * @throws MeshError RUNTIME_START_FAILED when another program has its port or it cannot be started; DISK_FULL where nobody
 *   keeps it and it could not be noted, as nobody could end it then; DATA_DIR_UNUSABLE
 */
export async function launchGateway(
  gateway: GatewayProgram,
  deps: GatewayDeps,
  { after = null, isKept = false }: LaunchOptions = {},
): Promise<LaunchedGateway> {
  const files = gatewayFiles(deps.dataDir, gateway.kind);
  const lock = await lockStart(files, deps);
  try {
    const own = await claimOwnProcess(files);
    if (own !== null) return { how: "running", process: own, startId: null };
    const record = await loadGatewayRecord(files);
    if (record?.stop_asked === true) {
      if (after !== null && isOf(record, after)) return { how: "stopped", process: null, startId: null };
      // That was about an earlier one.
      await removeGatewayRecord(files);
    }
    checkPortOwner(gateway);
    if (await gateway.isAlive()) return { how: "running", process: null, startId: null };
    if (record !== null) endLeftovers(record);
    await checkEndpoint(gateway, deps);
    await rotateLog(files.log);
    return await spawnGateway(gateway, files, { ...deps, isKept });
  } finally {
    lock.release();
  }
}

/** Any user may listen where the gateway does not yet: what answers there is not asked, as it would be believed. */
function checkPortOwner({ endpoint, kind }: GatewayProgram): void {
  const owner = findPortOwner(parseGatewayAddress(endpoint).httpUrl);
  if (owner.kind !== "foreign") return;
  throw new MeshError(
    "RUNTIME_START_FAILED",
    `The gateway of ${kind} cannot be started: ${explainForeign(owner)}.`,
    { hint: `Find out who listens there, or give the gateway another port in the configuration of ${kind}.` },
  );
}

/** What a killed worker had takes a moment to be free. */
const portFreeLimitMs = 1_000;
const portLookMs = 50;

async function checkEndpoint({ endpoint, kind }: GatewayProgram, { clock }: GatewayDeps): Promise<void> {
  const { hostname, port } = new URL(parseGatewayAddress(endpoint).httpUrl);
  const host = hostname.replace(/^\[|\]$/g, "");
  const endsAtMs = clock.monotonicMs() + portFreeLimitMs;
  while (true) {
    const { kind: state } = await checkPort(host, Number(port));
    if (state === "free") return;
    if (state !== "taken") {
      throw new MeshError(
        "RUNTIME_START_FAILED",
        `Nobody can listen at ${hostname}:${port}, where ${kind} is to.`,
        {
          hint: `Give the gateway another address in the configuration of ${kind}.`,
        },
      );
    }
    if (clock.monotonicMs() >= endsAtMs) {
      throw new MeshError(
        "RUNTIME_START_FAILED",
        `Another program has the address ${hostname}:${port} that the gateway of ${kind} is to have.`,
        { hint: `End that program, or give the gateway another port in the configuration of ${kind}.` },
      );
    }
    await delay(clock, portLookMs);
  }
}

async function spawnGateway(
  gateway: GatewayProgram,
  files: GatewayFiles,
  deps: GatewayDeps & { readonly isKept: boolean },
): Promise<LaunchedGateway> {
  const start: GatewayStart = {
    command: [...gateway.command],
    endpoint: gateway.endpoint,
    start_id: createSecret(),
  };
  // Noted before, as this process may end right after the start.
  await noteStart(() => saveGatewayStart(files, start), { gateway, isKept: deps.isKept });
  const child = startChild(gateway, { files, start, env: deps.env });
  if (child.identity === null) {
    await removeGatewayStart(files);
    const exit = await child.exited;
    if (!(await isDaemon(gateway, exit, deps))) throw endedAtOnce(gateway, exit);
    return { how: "launched", process: null, startId: start.start_id };
  }
  const record = { ...start, ...toRecorded(child.identity), stop_asked: false };
  await orFullDisk(async () => {
    await saveGatewayRecord(files, record);
    await removeGatewayStart(files);
  });
  const process = toGatewayProcess(child.identity, child.exited);
  return { how: "launched", process, startId: start.start_id };
}

/** By the note of its start a gateway is found again: without it, and without somebody who keeps it, nobody could end it. */
async function noteStart(
  save: () => Promise<void>,
  { gateway, isKept }: { readonly gateway: GatewayProgram; readonly isKept: boolean },
): Promise<void> {
  try {
    await save();
  } catch (cause) {
    if (errorCodeOf(cause) === null) throw cause;
    if (isKept) return;
    const code = isFullDisk(cause) ? "DISK_FULL" : "DATA_DIR_UNUSABLE";
    throw new MeshError(code, `The gateway of ${gateway.kind} was not started: it could not be noted.`, {
      hint: "Make room on the disk, then try again.",
      cause,
    });
  }
}

/** A full disk does not keep a gateway from running, and whoever waits for it may use it. */
async function orFullDisk(save: () => Promise<void>): Promise<void> {
  try {
    await save();
  } catch (error) {
    if (errorCodeOf(error) === null) throw error;
  }
}

/** Whether a program that has ended has left a gateway running by itself, as a daemon. */
export async function isDaemon(
  gateway: GatewayProgram,
  { code }: ChildExit,
  { clock }: Pick<GatewayDeps, "clock">,
): Promise<boolean> {
  if (code !== 0) return false;
  const endsAtMs = clock.monotonicMs() + daemonLimitMs;
  while (!(await gateway.isAlive())) {
    if (clock.monotonicMs() >= endsAtMs) return false;
    await delay(clock, daemonLookMs);
  }
  return true;
}

interface StartParts {
  readonly files: GatewayFiles;
  readonly start: GatewayStart;
  readonly env: GatewayDeps["env"];
}

function startChild(gateway: GatewayProgram, { files, start, env }: StartParts) {
  const { command, cwd } = gateway;
  try {
    return startInBackground({
      command,
      cwd,
      env: { ...gatewayEnvironment(env, gateway.env), [startVariable]: start.start_id },
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

function endedAtOnce(gateway: GatewayProgram, exit: ChildExit): MeshError {
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
