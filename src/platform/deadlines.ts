import type { Clock } from "./clock.ts";

/** Forgets a deadline; calling it again or after it fired does nothing. */
export type ForgetDeadline = () => void;

/**
 * Many deadlines on one timer: setting and forgetting one costs a few set operations, not a platform timer. They fire up
 * to {@link resolutionMs} late, never early.
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

export function createDeadlines(clock: Clock): Deadlines {
  const slots = new Map<number, Set<Deadline>>();
  let cancelTimer: (() => void) | null = null;
  let timerSlot = Number.POSITIVE_INFINITY;
  let isStopped = false;

  function arm(slot: number): void {
    if (slot >= timerSlot) return;
    cancelTimer?.();
    timerSlot = slot;
    cancelTimer = clock.after(slot * resolutionMs - clock.monotonicMs(), fire, { unref: true });
  }

  function fire(): void {
    timerSlot = Number.POSITIVE_INFINITY;
    cancelTimer = null;
    const nowSlot = Math.floor(clock.monotonicMs() / resolutionMs);
    const due = [...slots.keys()].filter((slot) => slot <= nowSlot).sort((a, b) => a - b);
    for (const slot of due) {
      const deadlines = slots.get(slot);
      slots.delete(slot);
      for (const deadline of deadlines ?? []) if (!deadline.isForgotten) deadline.callback();
    }
    let next = Number.POSITIVE_INFINITY;
    for (const slot of slots.keys()) next = Math.min(next, slot);
    if (next !== Number.POSITIVE_INFINITY) arm(next);
  }

  return {
    in: (delayMs, callback) => {
      if (isStopped) return () => undefined;
      const slot = Math.ceil((clock.monotonicMs() + Math.max(0, delayMs)) / resolutionMs);
      const deadline: Deadline = { callback, isForgotten: false };
      let deadlines = slots.get(slot);
      if (deadlines === undefined) {
        deadlines = new Set();
        slots.set(slot, deadlines);
      }
      deadlines.add(deadline);
      arm(slot);
      return () => {
        // Its slot may be firing: then only the mark is left to see.
        deadline.isForgotten = true;
        deadlines.delete(deadline);
        if (deadlines.size === 0 && slots.get(slot) === deadlines) slots.delete(slot);
      };
    },
    stop: () => {
      isStopped = true;
      cancelTimer?.();
      cancelTimer = null;
      timerSlot = Number.POSITIVE_INFINITY;
      for (const deadlines of slots.values()) for (const deadline of deadlines) deadline.isForgotten = true;
      slots.clear();
    },
  };
}
