import type { CancelTimer, Clock } from "../platform/clock.ts";
import { sleptMs } from "./liveness.ts";

/** How often the clocks are compared: an upper bound of how late a wake is noticed. */
export const wakeLookMs = 500;

export interface WakeWatchDeps {
  readonly clock: Clock;
  /** This process goes on after it, or the machine, stood still for so long. */
  readonly onWake: (sleptMs: number) => void;
}

/**
 * Notices that time went by without this process: the machine slept, or the process was stopped. In sleep the monotonic
 * clock stops on Linux and macOS, so the clock on the wall is looked at, too; setting that one counts as sleep, which costs
 * a question to the peer. Does not keep the process alive.
 */
export interface WakeWatch {
  readonly start: () => void;
  readonly stop: () => void;
}

export function createWakeWatch({ clock, onWake }: WakeWatchDeps): WakeWatch {
  let cancel: CancelTimer = () => {};

  const look = () => {
    const wallMs = clock.nowMs();
    const monotonicMs = clock.monotonicMs();
    cancel = clock.after(
      wakeLookMs,
      () => {
        const gapMs = sleptMs({
          delayMs: wakeLookMs,
          wallElapsedMs: clock.nowMs() - wallMs,
          monotonicElapsedMs: clock.monotonicMs() - monotonicMs,
        });
        look();
        if (gapMs > 0) onWake(gapMs);
      },
      { unref: true },
    );
  };

  return {
    start: () => {
      cancel();
      look();
    },
    stop: () => cancel(),
  };
}
