import type { Clock } from "../../src/platform/clock.ts";

/** A clock that moves only when told; timers fire in order of their time. */
export interface ManualClock extends Clock {
  readonly advance: (ms: number) => void;
  /** Moves the time without firing timers, as when this process stood still; the next `advance` fires what is due. */
  readonly stall: (ms: number) => void;
  /** Sets the clock on the wall forward, as sleep does; monotonic time stays. */
  readonly skipWall: (ms: number) => void;
  readonly timerCount: () => number;
}

export function createManualClock(): ManualClock {
  let monotonicMs = 1_000;
  let wallOffsetMs = 1_700_000_000_000;
  let nextId = 0;
  const timers = new Map<number, { readonly atMs: number; readonly callback: () => void }>();

  const fireNext = (untilMs: number): boolean => {
    const due = [...timers].filter(([, timer]) => timer.atMs <= untilMs);
    due.sort(([aId, a], [bId, b]) => a.atMs - b.atMs || aId - bId);
    const first = due[0];
    if (first === undefined) return false;
    const [id, timer] = first;
    timers.delete(id);
    monotonicMs = Math.max(monotonicMs, timer.atMs);
    timer.callback();
    return true;
  };

  return {
    nowMs: () => monotonicMs + wallOffsetMs,
    monotonicMs: () => monotonicMs,
    after: (delayMs, callback) => {
      nextId += 1;
      const id = nextId;
      timers.set(id, { atMs: monotonicMs + Math.max(0, delayMs), callback });
      return () => timers.delete(id);
    },
    advance: (ms) => {
      const untilMs = monotonicMs + ms;
      while (fireNext(untilMs));
      monotonicMs = Math.max(monotonicMs, untilMs);
    },
    stall: (ms) => {
      monotonicMs += ms;
    },
    skipWall: (ms) => {
      wallOffsetMs += ms;
    },
    timerCount: () => timers.size,
  };
}
