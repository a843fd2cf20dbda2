import type { ScheduleTurn } from "../platform/loop-turn.ts";
import { MeshError } from "../protocol/errors.ts";
import {
  batchBytes,
  type CoordinatorFrame,
  maxLinkMessageBytes,
  type NodeFrame,
} from "../protocol/link/v1/frames.ts";
import { encodeFrame, joinFrames } from "./frame-codec.ts";

/** What may wait for one peer, in this queue and in its socket; a peer that reads more slowly is closed. */
export const maxOutboxBytes = 8 * 1024 * 1024;

/** The part of a socket that an outbox writes to. */
export interface OutboxSocket {
  /** @returns bytes taken (> 0), -1: taken, but it waits in the socket's buffer, 0: dropped, as by a closed socket */
  readonly write: (text: string) => number;
  /** Bytes that wait in the socket's buffer. */
  readonly bufferedBytes: () => number;
}

export interface OutboxDeps {
  readonly socket: OutboxSocket;
  readonly scheduleTurn: ScheduleTurn;
  /** Called once when more than {@link maxOutboxBytes} wait, or the socket drops what it is given; close the link. */
  readonly onTooSlow: () => void;
}

/**
 * Frames on their way to one peer. The first frame after a quiet turn of the event loop goes out at once; while every turn
 * has frames, those of one turn wait for its end and go out as one message, earlier when {@link batchBytes} are together
 * (measured at 64 messages in flight: a message at once and a batch in every turn cost 4 µs more per message). While the socket has bytes of
 * its own waiting, frames stay here, where it is certain that they were never written.
 */
export interface Outbox<Frame> {
  /** Throws BODY_TOO_LARGE for a frame that no message can hold. */
  readonly send: (frame: Frame) => void;
  /** The socket has written what it had. */
  readonly resume: () => void;
  /** Writes what waits without waiting for the end of the turn. */
  readonly flush: () => void;
  /** Whether frames stay here because the socket has bytes waiting. */
  readonly isHeld: () => boolean;
  /** Bytes that wait here and in the socket, roughly. */
  readonly waitingBytes: () => number;
  /** Writes nothing more; frames still queue up, to be handed back by `close`. */
  readonly halt: () => void;
  /** Ends it; what is sent later vanishes. @returns the frames that were surely never written */
  readonly close: () => readonly Frame[];
}

interface Waiting<Frame> {
  readonly frame: Frame;
  readonly text: string;
}

/** UTF-8 bytes of one UTF-16 code unit at most. */
const maxBytesPerUnit = 3;

export function createOutbox<Frame extends NodeFrame | CoordinatorFrame>(deps: OutboxDeps): Outbox<Frame> {
  const { socket, scheduleTurn, onTooSlow } = deps;
  let queue: Waiting<Frame>[] = [];
  let queuedLength = 0;
  let hasSentThisTurn = false;
  let isHeld = false;
  let isHalted = false;
  let isClosed = false;

  const endTurn = () => {
    const wasBusy = queue.length > 0;
    flush();
    hasSentThisTurn = false;
    if (wasBusy) beginTurn();
  };

  const fail = () => {
    if (isHalted) return;
    isHalted = true;
    onTooSlow();
  };

  const beginTurn = () => {
    if (hasSentThisTurn) return;
    hasSentThisTurn = true;
    scheduleTurn(endTurn);
  };

  /** @returns false when the socket dropped it */
  const write = (text: string): boolean => {
    const answer = socket.write(text);
    if (answer < 0) isHeld = true;
    return answer !== 0;
  };

  /** The texts of the next message. */
  const nextBatch = (): readonly string[] => {
    const batch: string[] = [];
    let length = 2;
    for (const { text } of queue) {
      if (batch.length > 0 && length + text.length > batchBytes) break;
      batch.push(text);
      length += text.length + 1;
    }
    return batch;
  };

  const flush = () => {
    while (queue.length > 0 && !isHeld && !isHalted) {
      const batch = nextBatch();
      if (!write(joinFrames(batch))) {
        fail();
        return;
      }
      queue = batch.length === queue.length ? [] : queue.slice(batch.length);
      for (const text of batch) queuedLength -= text.length;
    }
  };

  const waitingBytes = () => queuedLength + (isHeld ? socket.bufferedBytes() : 0);

  const enqueue = (frame: Frame, text: string) => {
    queue.push({ frame, text });
    queuedLength += text.length;
    if (isHeld && waitingBytes() > maxOutboxBytes) fail();
    beginTurn();
  };

  return {
    send: (frame) => {
      if (isClosed) return;
      const text = encodeFrame(frame);
      ensureFits(frame.type, text);
      const isIdle = !hasSentThisTurn && queue.length === 0;
      enqueue(frame, text);
      if (isIdle || queuedLength >= batchBytes) flush();
    },
    resume: () => {
      if (!isHeld) return;
      isHeld = false;
      flush();
    },
    flush,
    halt: () => {
      isHalted = true;
    },
    isHeld: () => isHeld,
    waitingBytes,
    close: () => {
      isHalted = true;
      isClosed = true;
      const unsent = queue.map((waiting) => waiting.frame);
      queue = [];
      queuedLength = 0;
      return unsent;
    },
  };
}

function ensureFits(type: string, text: string): void {
  if ((text.length + 2) * maxBytesPerUnit <= maxLinkMessageBytes) return;
  const bytes = Buffer.byteLength(text) + 2;
  if (bytes <= maxLinkMessageBytes) return;
  throw new MeshError(
    "BODY_TOO_LARGE",
    `a ${type} frame of ${bytes} bytes does not fit into a link message (at most ${maxLinkMessageBytes})`,
  );
}
