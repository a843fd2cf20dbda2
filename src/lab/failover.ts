import type { AttemptRecord } from "./task-book.ts";

/** Milliseconds since the epoch. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Kill {
  readonly node: string;
  readonly atMs: number;
}

export interface Failover {
  readonly node: string;
  /** Milliseconds since the epoch. */
  readonly killedAtMs: number;
  /** From the kill to the next attempt's offer. */
  readonly ms: number;
  /** The coordinator itself was dead, stopped or without a disk in between. */
  readonly isDisturbed: boolean;
}

/** The clocks of two processes of one machine agree to this; times on record have whole milliseconds. */
const slackMs = 2;

/** How long it took for a task to be offered elsewhere after the node of one of its attempts had been killed. */
export function findFailovers(
  attempts: readonly AttemptRecord[],
  kills: readonly Kill[],
  disturbances: readonly Span[],
): readonly Failover[] {
  return attempts.flatMap((attempt, at) => {
    const next = attempts[at + 1];
    if (next === undefined || attempt.state !== "lost") return [];
    const kill = kills.find(
      ({ node, atMs }) =>
        node === attempt.node &&
        attempt.offeredAtMs <= atMs + slackMs &&
        (attempt.endedAtMs === null || attempt.endedAtMs >= atMs - slackMs),
    );
    if (kill === undefined) return [];
    const isDisturbed = disturbances.some(
      ({ fromMs, toMs }) => fromMs <= next.offeredAtMs && toMs >= kill.atMs,
    );
    return [
      { node: kill.node, killedAtMs: kill.atMs, ms: Math.max(0, next.offeredAtMs - kill.atMs), isDisturbed },
    ];
  });
}

export interface Distribution {
  readonly count: number;
  readonly p50_ms: number | null;
  readonly p99_ms: number | null;
  readonly max_ms: number | null;
}

/** Nearest-rank percentiles. */
export function toDistribution(values: readonly number[]): Distribution {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = (share: number) => {
    const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
    return value === undefined ? null : Math.round(value);
  };
  return { count: sorted.length, p50_ms: rank(0.5), p99_ms: rank(0.99), max_ms: rank(1) };
}
