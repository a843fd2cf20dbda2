import type { Clock } from "./clock.ts";
import { type OnFault, raiseFault } from "./fault.ts";

/** Forgets a deadline; calling it again or after it fired does nothing. */
export type ForgetDeadline = () => void;

/**
 * Many deadlines on one timer: setting and forgetting one costs a few set operations, not a platform timer. They fire up
 * to {@link resolutionMs} late, never early. A callback that throws does not keep the others from theirs.
 */
export interface Deadlines {
  readonly in: (delayMs: number, callback: () => void) => ForgetDeadline;
  /** Forgets all of them, and those that are set later. */
  readonly stop: () => void;
}

/** How late a deadline may fire. */
export const resolutionMs = 20;

interface Deadline {
  readonly callback: () => void;
  isForgotten: boolean;
}

/** `onFault` hears what callbacks throw; without it such a fault ends the process. */
export function createDeadlines(clock: Clock, onFault: OnFault = raiseFault): Deadlines {
  /** Deadlines by the tick they fire at: a multiple of {@link resolutionMs}. */
  const ticks = new Map<number, Set<Deadline>>();
  let cancelTimer: (() => void) | null = null;
  let timerTick = Number.POSITIVE_INFINITY;
  let isStopped = false;

  function arm(tick: number): void {
    if (tick >= timerTick) return;
    cancelTimer?.();
    timerTick = tick;
    cancelTimer = clock.after(tick * resolutionMs - clock.monotonicMs(), fire, { unref: true });
  }

  function fire(): void {
    timerTick = Number.POSITIVE_INFINITY;
    cancelTimer = null;
    const nowTick = Math.floor(clock.monotonicMs() / resolutionMs);
    const due = [...ticks.keys()].filter((tick) => tick <= nowTick).sort((a, b) => a - b);
    for (const tick of due) {
      const deadlines = ticks.get(tick);
      ticks.delete(tick);
      for (const deadline of deadlines ?? []) if (!deadline.isForgotten) call(deadline);
    }
    let next = Number.POSITIVE_INFINITY;
    for (const tick of ticks.keys()) next = Math.min(next, tick);
    if (next !== Number.POSITIVE_INFINITY) arm(next);
  }

  function call(deadline: Deadline): void {
    try {
      deadline.callback();
    } catch (error) {
      onFault(error);
    }
  }

  return {
    in: (delayMs, callback) => {
      if (isStopped) return () => undefined;
      const tick = Math.ceil((clock.monotonicMs() + Math.max(0, delayMs)) / resolutionMs);
      const deadline: Deadline = { callback, isForgotten: false };
      let deadlines = ticks.get(tick);
      if (deadlines === undefined) {
        deadlines = new Set();
        ticks.set(tick, deadlines);
      }
      deadlines.add(deadline);
      arm(tick);
      return () => {
        // Its tick may be firing: then only the mark is left to see.
        deadline.isForgotten = true;
        deadlines.delete(deadline);
        if (deadlines.size === 0 && ticks.get(tick) === deadlines) ticks.delete(tick);
      };
    },
    stop: () => {
      isStopped = true;
      cancelTimer?.();
      cancelTimer = null;
      timerTick = Number.POSITIVE_INFINITY;
      for (const deadlines of ticks.values()) for (const deadline of deadlines) deadline.isForgotten = true;
      ticks.clear();
    },
  };
}
