import type { CancelTimer, Clock } from "../platform/clock.ts";
import type { OnFault } from "../platform/fault.ts";

export interface RepeatOptions {
  readonly clock: Clock;
  readonly everyMs: number;
  /** Whether it may keep the process alive; default true. */
  readonly keepsAlive?: boolean;
  /** A call threw or rejected; the next comes all the same. */
  readonly onFault: OnFault;
}

/** Calls again and again, first after one interval, until it is cancelled. Calls may overlap. */
export function repeat(
  call: () => void | Promise<void>,
  { clock, everyMs, keepsAlive, onFault }: RepeatOptions,
): CancelTimer {
  let cancel: CancelTimer = () => {};
  const guarded = async () => {
    try {
      await call();
    } catch (error) {
      onFault(error);
    }
  };
  const next = () => {
    cancel = clock.after(
      everyMs,
      () => {
        next();
        void guarded();
      },
      { unref: keepsAlive === false },
    );
  };
  next();
  return () => cancel();
}
