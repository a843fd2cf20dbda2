import type { CancelTimer, Clock } from "../platform/clock.ts";
import { isSilent, sweepIntervalMs, wasStalled } from "./liveness.ts";

export interface SilenceWatchDeps {
  readonly clock: Clock;
  /** The peer is gone; nothing follows. */
  readonly onSilent: (reason: string) => void;
}

/** Tells the dialing end when its peer said nothing for three beats. */
export interface SilenceWatch {
  /** A sign of life. */
  readonly heard: () => void;
  readonly start: (beatMs: number) => void;
  readonly stop: () => void;
}

/** The peer pings when it has nothing to say; so three beats without a word mean that it is gone. */
export function createSilenceWatch({ clock, onSilent }: SilenceWatchDeps): SilenceWatch {
  let lastSeenMs = clock.monotonicMs();
  let cancel: CancelTimer = () => {};

  const look = (beatMs: number) => {
    const delayMs = sweepIntervalMs(beatMs);
    const monotonicMs = clock.monotonicMs();
    cancel = clock.after(delayMs, () => {
      const nowMs = clock.monotonicMs();
      // Whether the peer outlived that is asked by those who watch for a wake.
      if (wasStalled(monotonicMs + delayMs, nowMs, beatMs)) lastSeenMs = nowMs;
      if (isSilent(lastSeenMs, nowMs, beatMs)) return onSilent("no sign of life");
      look(beatMs);
    });
  };

  return {
    heard: () => {
      lastSeenMs = clock.monotonicMs();
    },
    start: look,
    stop: () => cancel(),
  };
}
