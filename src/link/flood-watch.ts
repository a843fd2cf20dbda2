import type { NodeFrame } from "../protocol/link/v1/frames.ts";

/**
 * Messages of one window that do no work (`status`, `capabilities`, `pong`, unknown frames only, pings of the WebSocket
 * itself); a peer that sends more is closed. A busy node sends a status a few times a second.
 */
export const maxIdleMessages = 1_000;

/** Bytes of such messages; the longest status has a few thousand. */
export const maxIdleBytes = 16 * 1024 * 1024;

/** Frames about attempts that the peer does not have. A journal that is handed over after a restored backup has 10,000. */
export const maxUselessFrames = 20_000;

/** Text in frames that go on about an attempt which is over, such as chunks that crossed its cancellation. */
export const maxUselessLength = 16 * 1024 * 1024;

/** All messages and bytes, whatever is in them: several times what the fastest node has been measured to need. */
export const maxMessages = 200_000;
export const maxBytes = 256 * 1024 * 1024;

/** The time in which all these are counted: the shortest beat. */
const windowMs = 5_000;

/** Counts what one peer sends. Each answers why the peer has now sent too much; null: it has not. */
export interface FloodWatch {
  /** @param bytes length of the message, in UTF-16 code units at least */
  readonly takeMessage: (frames: readonly NodeFrame[], bytes: number, nowMs: number) => string | null;
  /** A ping or pong of the WebSocket itself. */
  readonly takePing: (nowMs: number) => string | null;
  /** A frame that was taken for work had nothing to do with any. */
  readonly takeUseless: (length: number, nowMs: number) => string | null;
}

export function createFloodWatch(): FloodWatch {
  const counts = { messages: 0, bytes: 0, idleMessages: 0, idleBytes: 0, uselessFrames: 0, uselessLength: 0 };
  let sinceMs = Number.NEGATIVE_INFINITY;

  const turnWindow = (nowMs: number) => {
    if (nowMs - sinceMs <= windowMs) return;
    sinceMs = nowMs;
    counts.messages = 0;
    counts.bytes = 0;
    counts.idleMessages = 0;
    counts.idleBytes = 0;
    counts.uselessFrames = 0;
    counts.uselessLength = 0;
  };

  const countIdle = (bytes: number) => {
    counts.idleMessages += 1;
    counts.idleBytes += bytes;
    const isTooMuch = counts.idleMessages > maxIdleMessages || counts.idleBytes > maxIdleBytes;
    return isTooMuch ? "too many messages without work" : null;
  };

  return {
    takeMessage: (frames, bytes, nowMs) => {
      turnWindow(nowMs);
      counts.messages += 1;
      counts.bytes += bytes;
      if (counts.messages > maxMessages || counts.bytes > maxBytes) return "too many messages";
      return frames.some(isWork) ? null : countIdle(bytes);
    },
    takePing: (nowMs) => {
      turnWindow(nowMs);
      return countIdle(0);
    },
    takeUseless: (length, nowMs) => {
      turnWindow(nowMs);
      counts.uselessFrames += 1;
      counts.uselessLength += length;
      const isTooMuch = counts.uselessFrames > maxUselessFrames || counts.uselessLength > maxUselessLength;
      return isTooMuch ? "too many reports of attempts that it does not have" : null;
    },
  };
}

function isWork(frame: NodeFrame): boolean {
  return frame.type !== "pong" && frame.type !== "status" && frame.type !== "capabilities";
}
