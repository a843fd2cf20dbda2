import { type Clock, delay } from "../platform/clock.ts";

/** Waits for things that can only be looked at, by those who know when to look. */
export interface ConditionWait {
  /** Something has changed: look. */
  readonly look: () => void;
  /** Resolves when the condition holds at a look, or after the limit. */
  readonly until: (condition: () => boolean, limitMs: number) => Promise<void>;
}

export function createConditionWait(clock: Clock): ConditionWait {
  const waiters = new Set<() => void>();
  return {
    look: () => {
      for (const waiter of waiters) waiter();
    },
    until: async (condition, limitMs) => {
      if (condition()) return;
      const holds = new AbortController();
      const waiter = () => {
        if (condition()) holds.abort();
      };
      waiters.add(waiter);
      await delay(clock, limitMs, holds.signal);
      waiters.delete(waiter);
    },
  };
}
