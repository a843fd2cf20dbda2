import type { Clock } from "./clock.ts";

export interface RateGateOptions {
  /** What anybody may do at once. */
  readonly burst: number;
  /** The time after which one more is allowed. */
  readonly everyMs: number;
  /** Those who are remembered; beyond it the one who was here longest ago is forgotten, and begins anew. */
  readonly maxKeys: number;
  readonly clock: Pick<Clock, "monotonicMs">;
}

/** Lets each through so often and no more. */
export interface RateGate {
  /** @returns false: it is too soon */
  readonly take: (key: string) => boolean;
}

export function createRateGate({ burst, everyMs, maxKeys, clock }: RateGateOptions): RateGate {
  /** When all of a key's allowance is back; who was here longest ago comes first. */
  const fullAtMs = new Map<string, number>();
  return {
    take: (key) => {
      const nowMs = clock.monotonicMs();
      const fullMs = Math.max(fullAtMs.get(key) ?? nowMs, nowMs) + everyMs;
      if (fullMs > nowMs + burst * everyMs) return false;
      fullAtMs.delete(key);
      fullAtMs.set(key, fullMs);
      const [oldest] = fullAtMs.keys();
      if (fullAtMs.size > maxKeys && oldest !== undefined) fullAtMs.delete(oldest);
      return true;
    },
  };
}
