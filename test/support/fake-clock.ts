import type { Clock } from "../../src/platform/clock.ts";

export interface FakeClock extends Clock {
  /** Moves both clocks and runs the timers that come due, in their order. */
  readonly advance: (durationMs: number) => void;
  /** Sets the wall clock only, as a person or NTP does; no timer notices. */
  readonly jumpTo: (epochMs: number) => void;
  readonly pendingTimers: () => number;
}

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

/** Time that stands still until the test moves it. Starts at 2026-01-01T00:00:00Z. */
export function createFakeClock(startMs = Date.UTC(2026, 0, 1)): FakeClock {
  const timers = new Set<Timer>();
  let monotonicMs = 0;
  let offsetMs = startMs;

  const nextDue = (untilMs: number): Timer | undefined =>
    [...timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];

  return {
    nowMs: () => offsetMs + monotonicMs,
    monotonicMs: () => monotonicMs,
    after: (delayMs, callback) => {
      const timer: Timer = { atMs: monotonicMs + Math.max(0, delayMs), callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance: (durationMs) => {
      const untilMs = monotonicMs + durationMs;
      for (let timer = nextDue(untilMs); timer !== undefined; timer = nextDue(untilMs)) {
        timers.delete(timer);
        monotonicMs = timer.atMs;
        timer.callback();
      }
      monotonicMs = untilMs;
    },
    jumpTo: (epochMs) => {
      offsetMs = epochMs - monotonicMs;
    },
    pendingTimers: () => timers.size,
  };
}
