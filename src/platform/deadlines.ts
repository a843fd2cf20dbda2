import type { Clock } from "./clock.ts";

/** Forgets a deadline; calling it again or after it fired does nothing. */
export type ForgetDeadline = () => void;

/**
 * Many deadlines on one timer: setting and forgetting one costs a few set operations, not a platform timer. They fire up
 * to {@link resolutionMs} late, never early.
 */
export interface Deadlines {
  readonly in: (delayMs: number, callback: () => void) => ForgetDeadline;
  /** Forgets all of them. */
  readonly stop: () => void;
}

/** How late a deadline may fire. */
export const resolutionMs = 20;

export function createDeadlines(clock: Clock): Deadlines {
  const slots = new Map<number, Set<() => void>>();
  let cancelTimer: (() => void) | null = null;
  let timerSlot = Number.POSITIVE_INFINITY;

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
      const callbacks = slots.get(slot);
      slots.delete(slot);
      for (const callback of callbacks ?? []) callback();
    }
    let next = Number.POSITIVE_INFINITY;
    for (const slot of slots.keys()) next = Math.min(next, slot);
    if (next !== Number.POSITIVE_INFINITY) arm(next);
  }

  return {
    in: (delayMs, callback) => {
      const slot = Math.ceil((clock.monotonicMs() + Math.max(0, delayMs)) / resolutionMs);
      let callbacks = slots.get(slot);
      if (callbacks === undefined) {
        callbacks = new Set();
        slots.set(slot, callbacks);
      }
      // A wrapper per deadline: the same callback may be set twice in one slot.
      const entry = () => callback();
      callbacks.add(entry);
      arm(slot);
      return () => {
        const current = slots.get(slot);
        if (current === undefined) return;
        current.delete(entry);
        if (current.size === 0) slots.delete(slot);
      };
    },
    stop: () => {
      cancelTimer?.();
      cancelTimer = null;
      timerSlot = Number.POSITIVE_INFINITY;
      slots.clear();
    },
  };
}
