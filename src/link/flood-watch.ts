import type { NodeFrame } from "../protocol/link/v1/frames.ts";

/**
 * Messages of one beat that do no work (`status`, `capabilities`, `pong`, unknown frames only); a peer that sends more
 * is closed. Work itself is bounded by slots.
 */
export const maxIdleMessagesPerBeat = 1_000;

/** Window in which {@link maxIdleMessagesPerBeat} are counted: the shortest beat. */
const windowMs = 5_000;

/** Counts the messages of one peer that do no work. */
export interface FloodWatch {
  /** @returns whether the peer has now sent too many */
  readonly isFloodedBy: (frames: readonly NodeFrame[], nowMs: number) => boolean;
}

export function createFloodWatch(): FloodWatch {
  let count = 0;
  let sinceMs = Number.NEGATIVE_INFINITY;
  return {
    isFloodedBy: (frames, nowMs) => {
      if (frames.some(isWork)) return false;
      if (nowMs - sinceMs > windowMs) {
        sinceMs = nowMs;
        count = 0;
      }
      count += 1;
      return count > maxIdleMessagesPerBeat;
    },
  };
}

function isWork(frame: NodeFrame): boolean {
  return frame.type !== "pong" && frame.type !== "status" && frame.type !== "capabilities";
}
