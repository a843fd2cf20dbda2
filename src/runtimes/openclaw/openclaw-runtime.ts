import type { Clock } from "../../platform/clock.ts";
import { type Log, silentLog } from "../../platform/log.ts";
import type { Random } from "../../platform/random.ts";
import type { Secret } from "../../protocol/secret.ts";
import { maxAnswerBytes } from "../../protocol/task.ts";
import { parseGatewayAddress } from "../gateway-address.ts";
import type { RunControl, RunOutcome, Runtime, RuntimeAttempt } from "../runtime.ts";
import { closedOutcome, toStopOutcome } from "../stop-outcome.ts";
import { createStopSignal, type StopSignal } from "../stop-signal.ts";
import { type ConnectionOptions, createConnection, type GatewayConnection } from "./connection.ts";
import { fenceAttempt } from "./fence.ts";
import { createLateFences } from "./late-fence.ts";
import { probeGateway } from "./probe.ts";
import { reattachAttempt, runAttempt } from "./run.ts";
import type { GatewayAccess } from "./run-context.ts";
import { startSessionSweep } from "./session-sweep.ts";
import { waitConnected } from "./wait-connected.ts";

export interface OpenclawOptions {
  /** `ws://127.0.0.1:18789`, or `host:port`. */
  readonly url: string;
  /** The gateway's shared token (or password); null where it asks for none. */
  readonly token: Secret | null;
  /** Whether nothing is sent unless this user or root listens at the port, where the system tells; default false. */
  readonly checksOwner?: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Log;
  /** UTF-8; default {@link maxAnswerBytes}. */
  readonly maxAnswerBytes?: number;
}

const adminConnectWaitMs = 3_000;

/** The shared connection, not yet begun, and the way to an administrator's. */
export function createGatewayAccess(options: OpenclawOptions & { readonly log: Log }): GatewayAccess {
  const { clock, random, log } = options;
  const url = parseGatewayAddress(options.url).wsUrl;
  const { token, checksOwner = false } = options;
  const base: Omit<ConnectionOptions, "scopes"> = { url, token, checksOwner, clock, random, log };
  return {
    connection: createConnection({ ...base, scopes: ["operator.read", "operator.write"] }),
    openAdmin: async (): Promise<GatewayConnection | null> => {
      const admin = createConnection({ ...base, scopes: ["operator.admin"], log: silentLog });
      const withinMs = adminConnectWaitMs;
      if ((await waitConnected(admin, { clock, withinMs, isHopeless: () => true })) !== null) return admin;
      admin.close();
      return null;
    },
    clock,
    log,
    maxAnswerBytes: options.maxAnswerBytes ?? maxAnswerBytes,
  };
}

/**
 * An OpenClaw gateway on this machine, by its WebSocket protocol. One connection for all runs; the attempt key is the
 * run id, so that a run is found again after anything that may happen to us, to the connection or to the gateway.
 * Connects with the first call.
 * @throws MeshError USAGE when the address cannot be read
 */
export function createOpenclawRuntime(options: OpenclawOptions): Runtime {
  const { clock, log = silentLog } = options;
  const access = createGatewayAccess({ ...options, log });
  const { connection } = access;
  const running = new Set<StopSignal>();
  const lateFences = createLateFences({
    connection,
    fence: (attempt, signal) => fenceAttempt(access, attempt, signal),
    log,
  });
  let stopSweep: (() => void) | null = null;
  let isClosed = false;

  const begin = () => {
    connection.start();
    stopSweep ??= startSessionSweep(access);
  };

  const attend = async <T extends RunOutcome | null>(
    attempt: RuntimeAttempt,
    control: RunControl,
    work: (how: { readonly control: RunControl; readonly stop: StopSignal }) => Promise<T>,
  ): Promise<T> => {
    begin();
    const stop = createStopSignal(clock, control.signal, attempt.timeoutMs);
    running.add(stop);
    try {
      await stop.orStopped(lateFences.forget(attempt));
      const outcome = await work({ control, stop });
      if (isGivenUp(outcome, stop)) lateFences.owe(attempt);
      return outcome;
    } finally {
      running.delete(stop);
      stop.dispose();
    }
  };

  return {
    kind: "openclaw",
    location: parseGatewayAddress(options.url).wsUrl,
    probe: () => {
      if (!isClosed) begin();
      return probeGateway(connection, clock);
    },
    run: async (attempt, control): Promise<RunOutcome> => {
      if (isClosed) return closedOutcome;
      if (control.signal.aborted) return toStopOutcome(control.signal.reason);
      return attend(attempt, control, (how) => runAttempt(access, attempt, how));
    },
    reattach: async (attempt, control): Promise<RunOutcome | null> => {
      if (isClosed) return null;
      return attend(attempt, control, (how) => reattachAttempt(access, attempt, how));
    },
    fence: async (attempt): Promise<boolean> => {
      if (isClosed) return false;
      begin();
      return fenceAttempt(access, attempt);
    },
    close: () => {
      isClosed = true;
      stopSweep?.();
      lateFences.stop();
      for (const stop of [...running]) stop.stop("closed");
      connection.close();
      return Promise.resolve();
    },
  };
}

/** Somebody wanted it to stop, and the gateway may go on with it, now or after its next start. */
function isGivenUp(outcome: RunOutcome | null, stop: StopSignal): boolean {
  const cause = stop.cause();
  const isWanted = cause === null || cause === "closed";
  return !isWanted && outcome?.kind === "lost" && outcome.started && !outcome.fenced;
}
