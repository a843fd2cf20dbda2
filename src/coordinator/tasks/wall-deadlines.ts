import { createOrderedHeap, type HeapNode } from "../../domain/tasks/ordered-heap.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Deadlines, ForgetDeadline } from "../../platform/deadlines.ts";

/**
 * Moments of the clock on the wall. They hold however far away they are, and when that clock is set: they fire up to
 * {@link lookEveryMs} late, never early.
 */
export interface WallDeadlines {
  /** @param atMs epoch */
  readonly at: (atMs: number, callback: () => void) => ForgetDeadline;
}

/** How often the clock is looked at while a moment is awaited. */
export const lookEveryMs = 1_000;

/** Moments that fire in one turn of the event loop; those beyond follow within the resolution of the deadlines. */
export const maxFiredAtOnce = 250;

interface Moment extends HeapNode {
  readonly atMs: number;
  /** Of equal moments the one that was set first fires first. */
  readonly number: number;
  readonly callback: () => void;
}

export function createWallDeadlines(clock: Clock, deadlines: Deadlines): WallDeadlines {
  const moments = createOrderedHeap<Moment>((left, right) =>
    left.atMs === right.atMs ? left.number < right.number : left.atMs < right.atMs,
  );
  let lastNumber = 0;
  let forgetLook: ForgetDeadline | null = null;
  /** Monotonic. */
  let lookAtMs = Number.POSITIVE_INFINITY;

  function arm(): void {
    const next = moments.least();
    if (next === null) return;
    const inMs = Math.min(lookEveryMs, Math.max(0, next.atMs - clock.nowMs()));
    const atMs = clock.monotonicMs() + inMs;
    if (forgetLook !== null && lookAtMs <= atMs) return;
    forgetLook?.();
    lookAtMs = atMs;
    forgetLook = deadlines.in(inMs, look);
  }

  function look(): void {
    forgetLook = null;
    lookAtMs = Number.POSITIVE_INFINITY;
    try {
      for (let fired = 0; fired < maxFiredAtOnce; fired += 1) {
        const next = moments.least();
        if (next === null || next.atMs > clock.nowMs()) break;
        moments.remove(next);
        next.callback();
      }
    } finally {
      // Also after one that threw: the others keep their time.
      arm();
    }
  }

  return {
    at: (atMs, callback) => {
      lastNumber += 1;
      const moment: Moment = { atMs, number: lastNumber, callback, heapIndex: -1 };
      moments.add(moment);
      arm();
      return () => moments.remove(moment);
    },
  };
}
