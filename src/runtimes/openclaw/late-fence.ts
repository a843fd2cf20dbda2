import type { CancelTimer } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { RuntimeAttempt } from "../runtime.ts";
import type { GatewayConnection } from "./connection.ts";
import { toSessionKey } from "./session-key.ts";

/** Runs that are remembered; of more, the oldest are forgotten. */
export const maxOwedFences = 1_000;

/**
 * Fences runs that were given up while the gateway was away: when it is back it would do them again by itself, a few
 * seconds after it is ready. Known to this process only: after a restart of the agent nobody fences them.
 */
export interface LateFences {
  /** The run was given up, and whether it goes on is not known. A conversation is never fenced. */
  readonly owe: (attempt: RuntimeAttempt) => void;
  /**
   * The task runs here again, in the same session: its fence would end that run. Resolves when no fence is at work in
   * that session any more; one that is breaks off before its next step.
   */
  readonly forget: (attempt: RuntimeAttempt) => Promise<void>;
  readonly stop: () => void;
}

export interface LateFencesDeps {
  readonly connection: Pick<GatewayConnection, "state" | "onState">;
  /** @returns whether the run does nothing more; takes no further step after the signal */
  readonly fence: (attempt: RuntimeAttempt, signal: AbortSignal) => Promise<boolean>;
  readonly log: Log;
}

interface FenceAtWork {
  readonly session: string;
  readonly controller: AbortController;
  readonly isOver: Promise<void>;
}

export function createLateFences({ connection, fence, log }: LateFencesDeps): LateFences {
  /** By session: one task has one, whatever its attempt. */
  const owed = new Map<string, RuntimeAttempt>();
  let stopListening: CancelTimer | null = null;
  let isWorking = false;
  let isAskedAgain = false;
  let atWork: FenceAtWork | null = null;

  const isConnected = () => connection.state().kind === "connected";

  const rest = () => {
    stopListening?.();
    stopListening = null;
  };

  const fenceOne = async (session: string, attempt: RuntimeAttempt): Promise<boolean> => {
    const controller = new AbortController();
    const over = Promise.withResolvers<void>();
    atWork = { session, controller, isOver: over.promise };
    try {
      return await fence(attempt, controller.signal);
    } finally {
      atWork = null;
      over.resolve();
    }
  };

  const work = async () => {
    for (const [session, attempt] of owed) {
      if (!isConnected()) return;
      const isFenced = await fenceOne(session, attempt);
      // It is to be left alone since, or was given up again, which comes later in this round.
      if (owed.get(session) !== attempt) continue;
      // What could not be fenced for want of a connection is tried again on the next.
      if (!isFenced && !isConnected()) return;
      if (!isFenced) log.warn("a run that was given up could not be fenced", { attempt: attempt.key });
      owed.delete(session);
    }
    if (owed.size === 0) rest();
  };

  const look = () => {
    if (isWorking) isAskedAgain = true;
    if (isWorking || !isConnected()) return;
    isWorking = true;
    isAskedAgain = false;
    void work()
      .catch((error: unknown) => log.error("runs that were given up could not be fenced", { error }))
      .finally(() => {
        isWorking = false;
        if (isAskedAgain && owed.size > 0) look();
      });
  };

  return {
    owe: (attempt) => {
      if (attempt.session !== null) return;
      for (const oldest of owed.keys()) {
        if (owed.size < maxOwedFences) break;
        owed.delete(oldest);
      }
      const session = toSessionKey(attempt);
      // To the end, so that a round that is under way comes to it.
      owed.delete(session);
      owed.set(session, attempt);
      stopListening ??= connection.onState(look);
      look();
    },
    forget: async (attempt) => {
      const session = toSessionKey(attempt);
      owed.delete(session);
      if (owed.size === 0) rest();
      if (atWork?.session !== session) return;
      atWork.controller.abort();
      await atWork.isOver;
    },
    stop: () => {
      owed.clear();
      atWork?.controller.abort();
      rest();
    },
  };
}
