import type { Deadlines } from "../../platform/deadlines.ts";

/** A comment goes out this often, so that proxies do not take a silent stream for a dead one. */
const keepAliveMs = 15_000;

export interface ServerSentEvent {
  readonly event: string;
  readonly data: unknown;
}

/** Where a stream's events come from. A slow reader is not pushed: it asks again when it has read. */
export interface EventSource {
  /** What there is to say now; empty: nothing yet. */
  readonly take: () => readonly ServerSentEvent[];
  /** The last event has been taken. */
  readonly isOver: () => boolean;
  /** Calls back whenever there may be more. @returns stops that */
  readonly onMore: (callback: () => void) => () => void;
  /** The reader went away before the end. */
  readonly onGone: () => void;
  /** The last event is being written. */
  readonly onEnd: () => void;
}

const encoder = new TextEncoder();

/** Writes events as `text/event-stream`, at the pace of the reader. */
export function eventStreamAnswer(
  source: EventSource,
  deadlines: Deadlines,
  headers: Readonly<Record<string, string>> = {},
): Response {
  let wake: () => void = () => undefined;
  let isGone = false;
  const stopListening = source.onMore(() => wake());

  /** @returns whether there may be more; false: nothing happened for {@link keepAliveMs} */
  function waitForMore(): Promise<boolean> {
    return new Promise((resolve) => {
      const forget = deadlines.in(keepAliveMs, () => resolve(false));
      wake = () => {
        forget();
        resolve(true);
      };
    });
  }

  const stream = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        let events = source.take();
        while (events.length === 0 && !source.isOver() && !isGone) {
          if (!(await waitForMore())) {
            controller.enqueue(encoder.encode(": keep-alive\n\n"));
            return;
          }
          events = source.take();
        }
        if (isGone) return;
        controller.enqueue(encoder.encode(events.map(toEventText).join("")));
        if (source.isOver()) {
          stopListening();
          source.onEnd();
          controller.close();
        }
      },
      cancel: () => {
        isGone = true;
        stopListening();
        wake();
        source.onGone();
      },
    },
    { highWaterMark: 1 },
  );
  return new Response(stream, {
    headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store", ...headers },
  });
}

function toEventText({ event, data }: ServerSentEvent): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
