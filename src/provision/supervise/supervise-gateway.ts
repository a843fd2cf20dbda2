import { errorCodeOf } from "../../platform/atomic-file.ts";
import { delay, toIsoTime } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { ProcessIdentity } from "../../platform/process-identity.ts";
import { acquireLock, findLockHolder, type ProcessLock } from "../../platform/process-lock.ts";
import type { Random } from "../../platform/random.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { Supervision } from "../../protocol/node.ts";
import { redactText } from "../../protocol/redact-text.ts";
import type { GatewayDeps } from "../gateway/gateway-deps.ts";
import { createGatewayFolder, gatewayFiles, loadGatewayRecord } from "../gateway/gateway-files.ts";
import { endProcess, type GatewayProcess } from "../gateway/gateway-process.ts";
import { describeExit, isDaemon, launchGateway } from "../gateway/launch-gateway.ts";
import { endLeftovers, findOwnProcess, forgetGateway, isOf, recordGateway } from "../gateway/own-gateway.ts";
import { rotateRegularly } from "../gateway/rotate-regularly.ts";
import type { GatewayProgram } from "../gateway-program.ts";
import type { SupervisedGateway } from "../supervised-gateway.ts";
import {
  defaultSupervisionLimits,
  initialSupervision,
  nextSupervision,
  type SupervisionEvent,
  type SupervisionLimits,
  type SupervisionState,
} from "./supervision-state.ts";

/** How often it is looked at: while it is to become ready, and while it runs. */
const startLookMs = 500;
const runLookMs = 5_000;

/** How soon the end of one is seen that an earlier process has started. */
const adoptedLookMs = 1_000;

/** Time that a hung one gets after SIGTERM. */
const hungEndLimitMs = 10_000;

/** Characters of the reason that others are told. */
const maxDetailLength = 1_000;

export interface SuperviseDeps extends GatewayDeps {
  readonly random: Random;
  readonly log: Log;
  /** Default {@link defaultSupervisionLimits} and the gateway's own. */
  readonly limits?: Partial<SupervisionLimits>;
  /** Default 5 s. */
  readonly lookEveryMs?: number;
}

/**
 * Keeps the gateway alive from now on: takes one that runs, starts it, starts it again when it ends or hangs, gives it up
 * when it ends too often. It survives this process, and the next supervisor takes it over. One that somebody else started is
 * watched and never ended; when it is gone, ours takes its place. Of several agents on a machine, one does this, the others
 * watch. Never throws: what goes wrong is in its state and in the log.
 */
export function superviseGateway(gateway: GatewayProgram, deps: SuperviseDeps): SupervisedGateway {
  return createSupervisor(gateway, deps).run();
}

function createSupervisor(gateway: GatewayProgram, deps: SuperviseDeps) {
  const { clock, random, log, dataDir } = deps;
  const files = gatewayFiles(dataDir, gateway.kind);
  const limits: SupervisionLimits = {
    ...defaultSupervisionLimits,
    readyMs: gateway.readyLimitMs,
    ...deps.limits,
  };
  const listeners = new Set<() => void>();
  /** Ends the pause before the next look. */
  let wake = new AbortController();
  const atEnd = new AbortController();
  let state: SupervisionState = initialSupervision(clock.monotonicMs());
  let isEnding = false;
  let isEnded = false;
  let process: GatewayProcess | null = null;
  /** The one that ran last; `runtime stop` may speak of it while it is down. */
  let last: ProcessIdentity | null = null;
  /** Of the start that {@link process} comes from; null: it was taken over, with its record. */
  let startId: string | null = null;
  let lock: ProcessLock | null = null;

  const tell = (before: SupervisionState) => {
    if (state.phase.kind === before.phase.kind && state.restarts === before.restarts) return;
    const { phase, detail, restarts } = state;
    const facts = {
      runtime: gateway.kind,
      state: phase.kind,
      restarts,
      ...(detail === null ? {} : { detail }),
    };
    if (phase.kind === "crash_loop") log.error("the gateway ended too often and is given up", facts);
    else if (phase.kind === "backing_off" || phase.kind === "ending")
      log.warn("the gateway ended or hangs", facts);
    else log.info("the gateway of this node", facts);
    for (const listener of listeners) listener();
  };

  const handle = async (event: SupervisionEvent): Promise<void> => {
    if (isEnded) return;
    const before = state;
    const moment = { nowMs: clock.monotonicMs(), chance: random.next(), limits };
    const { state: next, effect } = nextSupervision(state, event, moment);
    state = next;
    tell(before);
    if (effect === "launch") await launch();
    else if (effect === "kill") await kill();
    else if (effect === "adopt") take(await findOwnProcess(files));
  };

  const take = (found: GatewayProcess | null, id: string | null = null) => {
    process = found;
    startId = id;
    last = found?.identity ?? last;
    if (found !== null) void untilEnded(found).then(() => wake.abort());
  };

  const untilEnded = async (found: GatewayProcess) => {
    if (found.exited !== null) await found.exited;
    // One that was taken over tells nobody of its end.
    while (found === process && mayRun(found) && !isEnding) await delay(clock, adoptedLookMs);
  };

  const isMine = async (): Promise<boolean> => {
    if (lock !== null) return true;
    await createGatewayFolder(files);
    if (findLockHolder(files.supervisorLock) !== null) return false;
    const taken = acquireLock(files.supervisorLock);
    if ("release" in taken) lock = taken;
    return lock !== null;
  };

  const launch = async () => {
    try {
      if (!(await isMine())) return take(await findOwnProcess(files));
      const launched = await launchGateway(gateway, deps, { after: last, isKept: true });
      take(launched.process, launched.startId);
      if (launched.how === "stopped") await handle(askedEnd);
    } catch (error) {
      // A full disk is no fault of the gateway: the next look tries again.
      if (!(error instanceof MeshError) || error.code !== "RUNTIME_START_FAILED") throw error;
      await handle({ kind: "ended", detail: error.message, isFinal: false, wasAsked: false });
    }
  };

  const kill = async () => {
    if (process === null || !(await isMine())) {
      await handle({ kind: "ended", detail: "it hangs", isFinal: false, wasAsked: false });
      return;
    }
    await endProcess(process, { clock, limitMs: hungEndLimitMs });
    wake.abort();
  };

  /** A full disk may have kept its process from being noted. */
  const keepRecord = async () => {
    if (lock === null || startId === null || process?.isRunning() !== true) return;
    await recordGateway(files, { gateway, startId, identity: process.identity }, deps);
  };

  const findEnd = async (): Promise<SupervisionEvent | null> => {
    if (process === null || process.isRunning()) return null;
    const exit = process.exited === null ? null : await process.exited;
    const record = await loadGatewayRecord(files);
    const own = record !== null && isOf(record, process.identity) ? record : null;
    process = null;
    const wasAsked = own?.stop_asked === true;
    const mayBeDaemon = state.phase.kind === "starting" && !wasAsked;
    // It went into the background by itself, and is watched like anybody's.
    if (mayBeDaemon && exit !== null && (await isDaemon(gateway, exit, deps))) return null;
    if (lock !== null && own !== null && !wasAsked && exit?.code !== 0) endLeftovers(own);
    return {
      kind: "ended",
      detail: exit === null ? "it ended" : `it ended with ${describeExit(exit)}`,
      isFinal: exit?.code !== null && exit !== null && gateway.finalExitCodes.includes(exit.code),
      wasAsked,
    };
  };

  /** `runtime stop` of one that is down and waits to be started again. */
  const findStopAsked = async (): Promise<SupervisionEvent | null> => {
    if (state.phase.kind !== "backing_off" || last === null) return null;
    const record = await loadGatewayRecord(files);
    return record?.stop_asked === true && isOf(record, last) ? askedEnd : null;
  };

  const look = async () => {
    // A first start, or one that somebody else had in hand.
    if (state.phase.kind === "starting" && process === null) await launch();
    // Somebody has put one of ours in the place of his.
    if (state.phase.kind === "running" && process === null) take(await findOwnProcess(files));
    const end = (await findEnd()) ?? (await findStopAsked());
    if (end !== null) await handle(end);
    // The signal could not be sent, or did not end it.
    else if (state.phase.kind === "ending") await kill();
    await keepRecord();
    const health = (await gateway.isReady()) ? "ready" : (await gateway.isAlive()) ? "unready" : "silent";
    // It ended meanwhile: what was seen is of the past, or of somebody else.
    if (process === null || process.isRunning()) await handle({ kind: "looked", health });
  };

  const pauseMs = () => {
    const { phase } = state;
    if (phase.kind === "backing_off") return Math.max(0, phase.untilMs - clock.monotonicMs());
    return deps.lookEveryMs ?? (phase.kind === "running" ? runLookMs : startLookMs);
  };

  const loop = async () => {
    let problem: string | null = null;
    while (!isEnding) {
      try {
        await look();
        problem = null;
      } catch (error) {
        // A full disk or the like: the gateway itself has nothing to do with it, and the next look comes.
        const reason = error instanceof Error ? error.message : String(error);
        if (reason !== problem)
          log.warn("the gateway could not be looked at", { runtime: gateway.kind, error });
        problem = reason;
      }
      await delay(clock, pauseMs(), wake.signal);
      if (wake.signal.aborted) wake = new AbortController();
    }
  };

  const end = async (running: Promise<void>) => {
    isEnding = true;
    wake.abort();
    await running;
    isEnded = true;
    if (lock !== null && process !== null && mayRun(process)) {
      log.info("the gateway finishes its work and ends", { runtime: gateway.kind });
      await endOwn(process);
    }
    atEnd.abort();
    lock?.release();
    for (const listener of listeners) listener();
  };

  /** Without a word to others that it is to stay down: another agent may go on with it. */
  const endOwn = async (own: GatewayProcess) => {
    try {
      await endProcess(own, { clock, limitMs: gateway.stopLimitMs });
      await forgetGateway(files, own.identity, deps);
    } catch (error) {
      log.warn("the gateway could not be ended", { runtime: gateway.kind, error });
    }
  };

  const run = (): SupervisedGateway => {
    const running = loop().catch((error: unknown) => {
      log.error("the care for the gateway ended", { runtime: gateway.kind, error });
    });
    const rotation = { clock, isMine: () => lock !== null, signal: atEnd.signal };
    void rotateRegularly(files.log, rotation).catch((error: unknown) => {
      log.error("the log of the gateway is not kept small any more", { runtime: gateway.kind, error });
    });
    let stopped: Promise<void> | null = null;
    return {
      kind: gateway.kind,
      state: () => toSupervision(state, { isEnded, toTime: toWallTime }),
      onChange: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      stop: () => {
        stopped ??= end(running);
        return stopped;
      },
    };
  };

  const toWallTime = (atMs: number) => toIsoTime(clock.nowMs() + atMs - clock.monotonicMs());

  return { run };
}

const askedEnd: SupervisionEvent = {
  kind: "ended",
  detail: "it was stopped",
  isFinal: false,
  wasAsked: true,
};

/** What cannot be told just now is seen at the next look. */
function mayRun(found: GatewayProcess): boolean {
  try {
    return found.isRunning();
  } catch (error) {
    if (errorCodeOf(error) === null) throw error;
    return true;
  }
}

interface ShownParts {
  readonly isEnded: boolean;
  /** From the monotonic clock to a time of day. */
  readonly toTime: (atMs: number) => string;
}

function toSupervision(
  { phase, restarts, detail }: SupervisionState,
  { isEnded, toTime }: ShownParts,
): Supervision {
  const kind = isEnded ? "stopped" : phase.kind === "ending" ? "backing_off" : phase.kind;
  return {
    state: kind,
    restarts,
    detail: detail === null ? null : redactText(detail).replaceAll(/\s+/g, " ").slice(0, maxDetailLength),
    next_start_at: phase.kind === "backing_off" && !isEnded ? toTime(phase.untilMs) : null,
  };
}
