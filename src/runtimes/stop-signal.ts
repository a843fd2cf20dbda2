import type { Clock } from "../platform/clock.ts";
import type { StopReason } from "./runtime.ts";

/** Why a run is to end early: as its caller said, or `closed`: the adapter lets go of it; `too_large`: its answer is. */
export type StopCause = StopReason | "closed" | "too_large";

/** The one place where all reasons to end a run early meet; the first one counts. */
export interface StopSignal {
  readonly cause: () => StopCause | null;
  readonly stop: (cause: StopCause) => void;
  /** The promise's value, or `stopped` when a cause comes first. */
  readonly orStopped: <T>(promise: Promise<T>) => Promise<T | typeof stopped>;
  readonly signal: AbortSignal;
  /** What is left of the attempt's time. */
  readonly leftMs: () => number;
  readonly dispose: () => void;
}

export const stopped = Symbol("stopped");

/** Ends with the caller's signal, and by itself with `timeout` when the attempt's time is over. */
export function createStopSignal(clock: Clock, caller: AbortSignal, timeoutMs: number): StopSignal {
  const controller = new AbortController();
  const endsAtMs = clock.monotonicMs() + timeoutMs;
  let cause: StopCause | null = null;
  const stop = (why: StopCause) => {
    if (cause !== null) return;
    cause = why;
    controller.abort(why);
  };
  const onCaller = () => stop(toStopReason(caller.reason));
  const cancelDeadline = clock.after(timeoutMs, () => stop("timeout"));
  caller.addEventListener("abort", onCaller, { once: true });
  if (caller.aborted) onCaller();
  return {
    cause: () => cause,
    stop,
    signal: controller.signal,
    leftMs: () => Math.max(0, endsAtMs - clock.monotonicMs()),
    orStopped: (promise) => orAborted(promise, controller.signal),
    dispose: () => {
      cancelDeadline();
      caller.removeEventListener("abort", onCaller);
    },
  };
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | typeof stopped> {
  if (signal.aborted) return Promise.resolve(stopped);
  const { promise: result, resolve, reject } = Promise.withResolvers<T | typeof stopped>();
  const onAbort = () => resolve(stopped);
  signal.addEventListener("abort", onAbort, { once: true });
  promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  return result;
}

function toStopReason(reason: unknown): StopReason {
  return reason === "timeout" || reason === "superseded" ? reason : "cancelled";
}
