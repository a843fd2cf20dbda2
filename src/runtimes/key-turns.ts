/** One at a time for each key; those of different keys do not wait for each other. */
export interface KeyTurns {
  /** Resolves with what ends the turn, or null when the signal was aborted before it began. */
  readonly begin: (key: string, signal: AbortSignal) => Promise<(() => void) | null>;
}

export function createKeyTurns(): KeyTurns {
  /** Resolves when the last turn that was asked for is over. */
  const lasts = new Map<string, Promise<void>>();
  return {
    begin: async (key, signal) => {
      const before = lasts.get(key) ?? Promise.resolve();
      const over = Promise.withResolvers<void>();
      // Whoever gives up has his turn when it comes, and ends it at once.
      const mine = before.then(() => over.promise);
      lasts.set(key, mine);
      void mine.then(() => {
        if (lasts.get(key) === mine) lasts.delete(key);
      });
      if (await comesFirst(before, signal)) return over.resolve;
      over.resolve();
      return null;
    },
  };
}

async function comesFirst(before: Promise<void>, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  const aborted = Promise.withResolvers<void>();
  const onAbort = () => aborted.resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  await Promise.race([before, aborted.promise]);
  signal.removeEventListener("abort", onAbort);
  return !signal.aborted;
}
