import { waitAtMost } from "../../platform/bounded-wait.ts";
import type { ChildExit } from "../../platform/child-processes.ts";
import { type Clock, delay } from "../../platform/clock.ts";
import {
  isProcessRunning,
  listDescendants,
  type ProcessIdentity,
  signalProcess,
} from "../../platform/process-identity.ts";

/** How often one looks whether a process has ended whose end nobody tells. */
const lookEveryMs = 250;

/** A process that got SIGKILL is gone in moments, unless a driver holds it. */
const killLimitMs = 10_000;

/** A gateway that runs, whether this process has started it or an earlier one. */
export interface GatewayProcess {
  readonly identity: ProcessIdentity;
  /** @throws the system's error, with its `code`, when that cannot be told */
  readonly isRunning: () => boolean;
  /** How it ended, when this process has started it; else null for ever, and {@link isRunning} is to be asked. */
  readonly exited: Promise<ChildExit> | null;
}

export function toGatewayProcess(
  identity: ProcessIdentity,
  exited: Promise<ChildExit> | null = null,
): GatewayProcess {
  let hasExited = false;
  void exited?.then(() => {
    hasExited = true;
  });
  // Whoever started it is told of its end, and need not look.
  return { identity, isRunning: () => (exited === null ? isProcessRunning(identity) : !hasExited), exited };
}

interface EndOptions {
  readonly clock: Clock;
  /** Time between SIGTERM and SIGKILL. */
  readonly limitMs: number;
}

/**
 * SIGTERM, and after the limit SIGKILL, to it and to what it has started: workers have groups of their own, and would hold
 * locks on its state. Resolves when it is gone; false: not even that ended it.
 * @throws the system's error, with its `code`, when it cannot be told whether it runs
 */
export async function endProcess(gateway: GatewayProcess, { clock, limitMs }: EndOptions): Promise<boolean> {
  if (!signalProcess(gateway.identity, "SIGTERM")) return true;
  if (await waitForEnd(gateway, clock, limitMs)) return true;
  for (const one of [gateway.identity, ...listDescendants(gateway.identity.pid)])
    signalProcess(one, "SIGKILL");
  return await waitForEnd(gateway, clock, killLimitMs);
}

async function waitForEnd(gateway: GatewayProcess, clock: Clock, limitMs: number): Promise<boolean> {
  if (gateway.exited !== null) {
    await waitAtMost(
      gateway.exited.then(() => true),
      { clock, limitMs, otherwise: false },
    );
    return !gateway.isRunning();
  }
  const endsAtMs = clock.monotonicMs() + limitMs;
  while (gateway.isRunning()) {
    if (clock.monotonicMs() >= endsAtMs) return false;
    await delay(clock, lookEveryMs);
  }
  return true;
}
