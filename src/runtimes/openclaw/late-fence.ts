import type { CancelTimer } from "../../platform/clock.ts";
import type { RuntimeAttempt } from "../runtime.ts";
import { fenceAttempt } from "./fence.ts";
import type { GatewayAccess } from "./run-context.ts";
import { toSessionKey } from "./session-key.ts";

/** Runs that are remembered; of more, the oldest are forgotten. */
export const maxOwedFences = 1_000;

/**
 * Fences runs that were given up while the gateway was away: when it is back it would do them again by itself, a few
 * seconds after it is ready. Known to this process only.
 */
export interface LateFences {
  /** The run was given up, and whether it goes on is not known. A conversation is never fenced. */
  readonly owe: (attempt: RuntimeAttempt) => void;
  /** The task runs here again, in the same session: its fence would end that run. */
  readonly forget: (attempt: RuntimeAttempt) => void;
  readonly stop: () => void;
}

export function createLateFences(access: GatewayAccess): LateFences {
  const { connection, log } = access;
  /** By session: one task has one, whatever its attempt. */
  const owed = new Map<string, RuntimeAttempt>();
  let stopListening: CancelTimer | null = null;
  let isWorking = false;

  const rest = () => {
    stopListening?.();
    stopListening = null;
  };

  const work = async () => {
    for (const [session, attempt] of owed) {
      if (connection.state().kind !== "connected") return;
      const isFenced = await fenceAttempt(access, attempt);
      // What could not be fenced for want of a connection is tried again on the next.
      if (!isFenced && connection.state().kind !== "connected") return;
      if (!isFenced) log.warn("a run that was given up could not be fenced", { attempt: attempt.key });
      if (owed.get(session) === attempt) owed.delete(session);
    }
    if (owed.size === 0) rest();
  };

  const look = () => {
    if (isWorking || connection.state().kind !== "connected") return;
    isWorking = true;
    void work()
      .catch((error: unknown) => log.error("runs that were given up could not be fenced", { error }))
      .finally(() => {
        isWorking = false;
      });
  };

  return {
    owe: (attempt) => {
      if (attempt.session !== null) return;
      for (const oldest of owed.keys()) {
        if (owed.size < maxOwedFences) break;
        owed.delete(oldest);
      }
      owed.set(toSessionKey(attempt), attempt);
      stopListening ??= connection.onState(look);
      look();
    },
    forget: (attempt) => {
      owed.delete(toSessionKey(attempt));
      if (owed.size === 0) rest();
    },
    stop: () => {
      owed.clear();
      rest();
    },
  };
}
