export { fromIsoTime, toIsoTime } from "../protocol/iso-time.ts";

/** Cancels a timer; calling it again or after the timer fired does nothing. */
export type CancelTimer = () => void;

/** Time as an input, so that tests can move it. */
export interface Clock {
  /** Milliseconds since the epoch; may jump when the machine's clock is set. */
  readonly nowMs: () => number;
  /** Milliseconds of a clock that never jumps; for durations and deadlines. */
  readonly monotonicMs: () => number;
  /** Calls back once; `delayMs` is capped at {@link maxDelayMs}. Does not keep the process alive when `unref` is set. */
  readonly after: (
    delayMs: number,
    callback: () => void,
    options?: { readonly unref?: boolean },
  ) => CancelTimer;
}

/** Longest delay the platform's timers take (about 24.8 days). */
export const maxDelayMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: Date.now,
  monotonicMs: () => performance.now(),
  after: (delayMs, callback, options) => {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), maxDelayMs));
    if (options?.unref === true) timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Resolves after the delay, or at once when the signal is aborted; tells which by its value. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<"elapsed" | "aborted"> {
  if (signal?.aborted === true) return Promise.resolve("aborted");
  return new Promise((resolve) => {
    const onAbort = () => {
      cancel();
      resolve("aborted");
    };
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve("elapsed");
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
