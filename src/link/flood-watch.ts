import type { NodeFrame } from "../protocol/link/v1/frames.ts";

/**
 * Frames of one window that do no work (`status`, `capabilities`, `pong`), whatever is beside them in their message, messages
 * with no frame that is known, and pings of the WebSocket itself; a peer that sends more is closed. A busy node sends a
 * status a few times a second.
 */
export const maxIdleFrames = 1_000;

/** Bytes of such frames, each taken to have its even share of its message; the longest status has a few thousand. */
export const maxIdleBytes = 16 * 1024 * 1024;

/**
 * Frames about attempts that the peer does not have, frames that change nothing, and frames of a type that this version does
 * not know. A journal that is handed over after a restored backup has 10,000.
 */
export const maxUselessFrames = 20_000;

/** Text in frames that go on about an attempt which is over, such as chunks that crossed its cancellation. */
export const maxUselessLength = 16 * 1024 * 1024;

/** Commas and openings beyond {@link partsOfWork} for each frame of work: lists, and fields that nobody knows. */
export const maxParts = 1_000_000;

/** No frame of work has more. */
const partsOfWork = 16;

/** All messages and bytes, whatever is in them: several times what the fastest node has been measured to need. */
export const maxMessages = 200_000;
export const maxBytes = 256 * 1024 * 1024;

/** The time in which all these are counted: the shortest beat. */
const windowMs = 5_000;

export interface TakenMessage {
  readonly frames: readonly NodeFrame[];
  /** Frames of an unknown type. */
  readonly ignored: number;
  /** Commas and openings of its JSON; 0: not counted, as it is short. */
  readonly parts: number;
  /** Length of the message, in UTF-16 code units at least. */
  readonly bytes: number;
}

/** Counts what one peer sends. Each answers why the peer has now sent too much; null: it has not. */
export interface FloodWatch {
  readonly takeMessage: (message: TakenMessage, nowMs: number) => string | null;
  /** A ping or pong of the WebSocket itself. */
  readonly takePing: (nowMs: number) => string | null;
  /** A frame that was taken for work had nothing to do with any, or changed nothing. */
  readonly takeUseless: (length: number, nowMs: number) => string | null;
}

export function createFloodWatch(): FloodWatch {
  const counts = {
    messages: 0,
    bytes: 0,
    idleFrames: 0,
    idleBytes: 0,
    uselessFrames: 0,
    uselessLength: 0,
    parts: 0,
  };
  let sinceMs = Number.NEGATIVE_INFINITY;

  const turnWindow = (nowMs: number) => {
    if (nowMs - sinceMs <= windowMs) return;
    sinceMs = nowMs;
    counts.messages = 0;
    counts.bytes = 0;
    counts.idleFrames = 0;
    counts.idleBytes = 0;
    counts.uselessFrames = 0;
    counts.uselessLength = 0;
    counts.parts = 0;
  };

  const countIdle = (frames: number, bytes: number) => {
    counts.idleFrames += frames;
    counts.idleBytes += bytes;
    const isTooMuch = counts.idleFrames > maxIdleFrames || counts.idleBytes > maxIdleBytes;
    return isTooMuch ? "too many frames without work" : null;
  };

  const countUseless = (frames: number, length: number) => {
    counts.uselessFrames += frames;
    counts.uselessLength += length;
    const isTooMuch = counts.uselessFrames > maxUselessFrames || counts.uselessLength > maxUselessLength;
    return isTooMuch ? "too many frames that change nothing" : null;
  };

  return {
    takeMessage: ({ frames, ignored, parts, bytes }, nowMs) => {
      turnWindow(nowMs);
      counts.messages += 1;
      counts.bytes += bytes;
      if (counts.messages > maxMessages || counts.bytes > maxBytes) return "too many messages";
      const idle = frames.reduce((sum, frame) => sum + (isWork(frame) ? 0 : 1), 0);
      counts.parts += Math.max(0, parts - partsOfWork * (frames.length - idle));
      if (counts.parts > maxParts) return "too many parts of no use";
      const isIdle = idle === frames.length;
      const share = isIdle ? bytes : (bytes * idle) / frames.length;
      return countIdle(isIdle ? Math.max(1, idle) : idle, share) ?? countUseless(ignored, 0);
    },
    takePing: (nowMs) => {
      turnWindow(nowMs);
      return countIdle(1, 0);
    },
    takeUseless: (length, nowMs) => {
      turnWindow(nowMs);
      return countUseless(1, length);
    },
  };
}

function isWork(frame: NodeFrame): boolean {
  return frame.type !== "pong" && frame.type !== "status" && frame.type !== "capabilities";
}
