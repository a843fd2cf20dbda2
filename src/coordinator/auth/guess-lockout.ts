import type { Clock } from "../../platform/clock.ts";

/** Failures within {@link failureWindowMs} after which the first lock begins. */
export const maxFailures = 10;
export const failureWindowMs = 60_000;

/** Length of the first lock; every failure after it locks again, twice as long. */
export const firstLockMs = 1_000;
export const maxLockMs = 15 * 60_000;

/** Time without a failure after a lock's end until all is forgotten. */
export const forgetAfterMs = 15 * 60_000;

/** Addresses, or prefixes, that are remembered; the one that failed longest ago goes first. */
export const maxRemembered = 10_000;

interface Failures {
  count: number;
  windowEndsAtMs: number;
  locks: number;
  lockedUntilMs: number;
}

/** Counts failures by key, and locks a key that fails too often for longer and longer. */
export interface GuessLockout {
  /** 0: it is not locked. */
  readonly lockedForMs: (key: string) => number;
  /** No key is locked now. */
  readonly isQuiet: () => boolean;
  /** @returns the length of the lock that begins with this failure; 0: none does */
  readonly fail: (key: string) => number;
}

export function createGuessLockout(clock: Pick<Clock, "monotonicMs">): GuessLockout {
  /** The one that failed last stands last. */
  const known = new Map<string, Failures>();
  let lastLockEndsAtMs = 0;

  function recall(key: string, nowMs: number): Failures {
    const before = known.get(key);
    known.delete(key);
    const isFresh =
      before === undefined || (before.locks > 0 && nowMs >= before.lockedUntilMs + forgetAfterMs);
    const failures = isFresh
      ? { count: 0, windowEndsAtMs: nowMs + failureWindowMs, locks: 0, lockedUntilMs: 0 }
      : before;
    known.set(key, failures);
    const oldest = known.keys().next();
    if (known.size > maxRemembered && oldest.done !== true) known.delete(oldest.value);
    return failures;
  }

  return {
    lockedForMs: (key) => {
      const failures = known.get(key);
      return failures === undefined ? 0 : Math.max(0, failures.lockedUntilMs - clock.monotonicMs());
    },
    isQuiet: () => clock.monotonicMs() >= lastLockEndsAtMs,
    fail: (key) => {
      const nowMs = clock.monotonicMs();
      const failures = recall(key, nowMs);
      if (nowMs >= failures.windowEndsAtMs) {
        failures.count = 0;
        failures.windowEndsAtMs = nowMs + failureWindowMs;
      }
      failures.count += 1;
      // Two calls that were on their way together: the second does not lengthen the lock of the first.
      if (nowMs < failures.lockedUntilMs) return 0;
      if (failures.locks === 0 && failures.count < maxFailures) return 0;
      const lockMs = Math.min(maxLockMs, firstLockMs * 2 ** failures.locks);
      failures.locks += 1;
      failures.lockedUntilMs = nowMs + lockMs;
      lastLockEndsAtMs = Math.max(lastLockEndsAtMs, failures.lockedUntilMs);
      return lockMs;
    },
  };
}
