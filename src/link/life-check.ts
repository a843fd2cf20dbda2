import type { Clock } from "../platform/clock.ts";

export interface LifeCheckDeps {
  readonly clock: Clock;
  /** Asks the peer for a sign of life. */
  readonly ping: () => void;
}

/** Whether a peer answers within a time, for those who cannot wait for its beats. */
export interface LifeCheck {
  /** Resolves true with the peer's next sign of life, false when the time is over or the link closed. */
  readonly ask: (withinMs: number) => Promise<boolean>;
  readonly settle: (isAlive: boolean) => void;
}

export function createLifeCheck({ clock, ping }: LifeCheckDeps): LifeCheck {
  const askers = new Set<(isAlive: boolean) => void>();
  return {
    ask: (withinMs) =>
      new Promise((resolve) => {
        const settle = (isAlive: boolean) => {
          cancel();
          askers.delete(settle);
          resolve(isAlive);
        };
        const cancel = clock.after(withinMs, () => settle(false));
        askers.add(settle);
        ping();
      }),
    settle: (isAlive) => {
      for (const settle of askers) settle(isAlive);
    },
  };
}
