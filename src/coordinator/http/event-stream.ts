import type { Deadlines } from "../../platform/deadlines.ts";
import { MeshError } from "../../protocol/errors.ts";
import { onRevoked, type Principal } from "../auth/principal.ts";
import { createClientPlaces } from "./client-places.ts";
import { eventStreamHeaders } from "./response-headers.ts";

/** A comment goes out this often, so that proxies do not take a silent stream for a dead one. */
const keepAliveMs = 15_000;

/** A source that nobody called about is asked this often: not everything that there is to say calls. */
const lookAgainMs = 1_000;

/** Streams open at once when nothing else is configured. */
export const defaultStreamLimits: StreamLimits = { overall: 2_000, perClient: 200 };

/** Bytes handed to a connection at a time: about what a reader that never reads keeps in memory. */
export const maxPieceBytes = 16 * 1024;

export interface StreamLimits {
  /** Beyond it QUEUE_FULL; one token has at most half of it, beyond that TOO_MANY_REQUESTS. */
  readonly overall: number;
  /** Beyond it TOO_MANY_REQUESTS. */
  readonly perClient: number;
}

export interface ServerSentEvent {
  readonly event: string;
  readonly data: unknown;
  /** What a reader that was cut off sends as `Last-Event-ID` to go on behind this event. */
  readonly id?: string;
}

/** Where a stream's events come from. A slow reader is not pushed: it asks again when it has read. */
export interface EventSource {
  /**
   * What there is to say now; empty: nothing yet. Events with the very same data object are encoded once for all their
   * readers.
   */
  readonly take: () => readonly ServerSentEvent[];
  /** The last event has been taken. */
  readonly isOver: () => boolean;
  /** Calls back whenever there may be more. @returns stops that */
  readonly onMore: (callback: () => void) => () => void;
  /** The reader went away before the end. */
  readonly onGone: () => void;
}

/** What ends a stream before its source does: its reader may read no more. */
export interface StreamReader {
  readonly principal: Pick<Principal, "revoked">;
  /** What he is told instead of all that he has not been given yet. */
  readonly farewell: () => ServerSentEvent;
}

/** Room for one stream. */
export interface StreamPlace {
  /** Occupies the place until the reader has everything, has left or may read no more. */
  readonly answer: (
    source: EventSource,
    reader: StreamReader,
    headers?: Readonly<Record<string, string>>,
  ) => Response;
  /** Gives it up unused. */
  readonly release: () => void;
}

/** Writes events as `text/event-stream`, at the pace of each reader. */
export interface EventStreams {
  /**
   * @param address of the client
   * @param subject of the token; null: the owner's, which may have all. Throws QUEUE_FULL or TOO_MANY_REQUESTS at a limit
   */
  readonly take: (address: string, subject: string | null) => StreamPlace;
  readonly count: () => number;
}

const encoder = new TextEncoder();
const keepAlive = encoder.encode(": keep-alive\n\n");

export function createEventStreams(
  deadlines: Deadlines,
  limits: StreamLimits = defaultStreamLimits,
): EventStreams {
  let count = 0;
  const places = createClientPlaces({ what: "streams", perClient: limits.perClient });
  /** Streams of each token, whatever addresses it is used from. */
  const bySubject = new Map<string, number>();
  const perSubject = Math.ceil(limits.overall / 2);
  const encode = createEventEncoder();

  function assertShare(subject: string | null): void {
    if (subject === null || (bySubject.get(subject) ?? 0) < perSubject) return;
    throw new MeshError("TOO_MANY_REQUESTS", `This token has ${perSubject} streams open already.`);
  }

  function note(subject: string | null, by: 1 | -1): void {
    count += by;
    if (subject === null) return;
    const held = (bySubject.get(subject) ?? 0) + by;
    if (held === 0) bySubject.delete(subject);
    else bySubject.set(subject, held);
  }

  return {
    count: () => count,
    take: (address, subject) => {
      if (count >= limits.overall) {
        throw new MeshError("QUEUE_FULL", `${count} streams are open already.`, {
          hint: "Try again after the time in Retry-After, or ask for the task itself: GET /api/v1/tasks/{id}",
        });
      }
      assertShare(subject);
      const leave = places.take(address);
      note(subject, 1);
      let isHeld = true;
      const release = () => {
        if (!isHeld) return;
        isHeld = false;
        note(subject, -1);
        leave();
      };
      return {
        release,
        answer: (source, reader, headers = {}) => {
          const stream = createStream(source, { deadlines, encode, reader, onClose: release });
          const answer = new Response(stream, { headers: eventStreamHeaders });
          for (const name in headers) answer.headers.set(name, headers[name] ?? "");
          return answer;
        },
      };
    },
  };
}

interface StreamOptions {
  readonly deadlines: Deadlines;
  readonly encode: (event: ServerSentEvent) => Uint8Array;
  readonly reader: StreamReader;
  /** The reader has everything, or is gone. */
  readonly onClose: () => void;
}

function createStream(source: EventSource, options: StreamOptions): ReadableStream<Uint8Array> {
  const { deadlines, encode, reader, onClose } = options;
  /** Events that were taken and not handed over yet. */
  const unsent: Uint8Array[] = [];
  let wake: () => void = () => undefined;
  let isGone = false;
  let isCut = false;
  const stopSource = source.onMore(() => wake());
  const forgetReader = onRevoked(reader.principal, () => {
    isCut = true;
    unsent.length = 0;
    unsent.push(encode(reader.farewell()));
    stopSource();
    onClose();
    wake();
    source.onGone();
  });
  const stopListening = () => {
    stopSource();
    forgetReader();
  };

  /** @returns whether somebody called; false: nobody did for {@link lookAgainMs} */
  function waitForMore(): Promise<boolean> {
    return new Promise((resolve) => {
      const forget = deadlines.in(lookAgainMs, () => resolve(false));
      wake = () => {
        forget();
        resolve(true);
      };
    });
  }

  /** @returns false when there was nothing to take for {@link keepAliveMs} */
  async function takeMore(): Promise<boolean> {
    let silentMs = 0;
    while (silentMs < keepAliveMs) {
      if (!isCut) unsent.push(...source.take().map(encode));
      if (unsent.length > 0 || source.isOver() || isGone) return true;
      if (!(await waitForMore())) silentMs += lookAgainMs;
    }
    return false;
  }

  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        if (unsent.length === 0 && !(await takeMore())) {
          controller.enqueue(keepAlive);
          return;
        }
        if (isGone) return;
        const piece = nextPiece(unsent);
        if (piece !== null) controller.enqueue(piece);
        if (unsent.length > 0 || !(isCut || source.isOver())) return;
        stopListening();
        onClose();
        controller.close();
      },
      cancel: () => {
        isGone = true;
        stopListening();
        onClose();
        wake();
        if (!isCut) source.onGone();
      },
    },
    { highWaterMark: 1 },
  );
}

/** Takes at most {@link maxPieceBytes} off the front; small events go together. */
function nextPiece(unsent: Uint8Array[]): Uint8Array | null {
  const first = unsent.shift();
  if (first === undefined) return null;
  if (first.byteLength > maxPieceBytes) {
    unsent.unshift(first.subarray(maxPieceBytes));
    return first.subarray(0, maxPieceBytes);
  }
  const together = [first];
  let bytes = first.byteLength;
  for (
    let next = unsent[0];
    next !== undefined && bytes + next.byteLength <= maxPieceBytes;
    next = unsent[0]
  ) {
    together.push(next);
    bytes += next.byteLength;
    unsent.shift();
  }
  return together.length === 1 ? first : Buffer.concat(together);
}

/** Encodes; what is long is kept for as long as its data is, so that many readers of one answer share one copy. */
function createEventEncoder(): (event: ServerSentEvent) => Uint8Array {
  const kept = new WeakMap<object, Uint8Array>();
  return (event) => {
    const { data } = event;
    const known = typeof data === "object" && data !== null ? kept.get(data) : undefined;
    if (known !== undefined) return known;
    const bytes = encoder.encode(toEventText(event));
    if (bytes.byteLength > maxPieceBytes && typeof data === "object" && data !== null) kept.set(data, bytes);
    return bytes;
  };
}

function toEventText({ event, data, id }: ServerSentEvent): string {
  const idLine = id === undefined ? "" : `id: ${id}\n`;
  return `${idLine}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
