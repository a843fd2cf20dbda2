import type { Clock } from "../../platform/clock.ts";

/** A server that sends nothing for so long is given up, and asked again. */
const silenceLimitMs = 30_000;

/** Ends a request whose server has gone silent, or that takes too long in all. */
export interface SilenceWatch {
  readonly signal: AbortSignal;
  readonly heard: () => void;
  readonly isSilent: () => boolean;
  /** The time for all of it is over. */
  readonly isLate: () => boolean;
  readonly end: () => void;
}

/** @param limitMs of all of it */
export function watchSilence(outer: AbortSignal, limitMs: number, clock: Clock): SilenceWatch {
  const silent = new AbortController();
  const late = new AbortController();
  const cancelLimit = clock.after(Math.max(0, limitMs), () =>
    late.abort(new DOMException("late", "TimeoutError")),
  );
  const arm = () =>
    clock.after(silenceLimitMs, () => silent.abort(new DOMException("silent", "TimeoutError")));
  let cancel = arm();
  return {
    signal: AbortSignal.any([outer, silent.signal, late.signal]),
    heard: () => {
      cancel();
      cancel = arm();
    },
    isSilent: () => silent.signal.aborted && !outer.aborted,
    isLate: () => late.signal.aborted && !outer.aborted,
    end: () => {
      cancel();
      cancelLimit();
    },
  };
}
