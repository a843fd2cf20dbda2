import { createParser, type EventSourceMessage } from "eventsource-parser";
import { z } from "zod";
import { MeshError } from "../protocol/errors.ts";
import { StreamEvents } from "../protocol/http/contract.ts";
import { parseJson } from "./error-answer.ts";

/** One event of a streamed answer. `result` and `error` are the last. */
export type StreamEvent = {
  [Name in keyof typeof StreamEvents]: {
    readonly event: Name;
    /** A stream that is opened with this as `Last-Event-ID` goes on behind this event. */
    readonly id?: string;
    readonly data: z.infer<(typeof StreamEvents)[Name]>;
  };
}[keyof typeof StreamEvents];

/** UTF-16 code units of one event; the longest is a `result` with an answer of 8 MiB and its decision. */
const maxEventLength = 24 * 1024 * 1024;

/**
 * Reads server-sent events as the route answers them. Ends after `result` or `error`; unknown events are skipped.
 * @throws MeshError NOT_A_COORDINATOR when an event is not what its name says, or longer than any may be
 */
export async function* readRouteStream(
  body: ReadableStream<Uint8Array>,
  baseUrl: string,
): AsyncGenerator<StreamEvent, void, void> {
  const waiting: EventSourceMessage[] = [];
  let lengthSinceEvent = 0;
  const parser = createParser({
    onEvent: (message) => {
      lengthSinceEvent = 0;
      waiting.push(message);
    },
  });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      lengthSinceEvent += value.byteLength;
      if (lengthSinceEvent > maxEventLength) throw foreign(baseUrl, "an event longer than any answer");
      parser.feed(decoder.decode(value, { stream: true }));
      for (const message of waiting.splice(0)) {
        const event = toStreamEvent(message, baseUrl);
        if (event === null) continue;
        yield event;
        if (event.event === "result" || event.event === "error") return;
      }
    }
  } finally {
    // The reader may already have failed or ended; then there is nothing left to give up.
    await reader.cancel().catch(() => undefined);
  }
}

function toStreamEvent(message: EventSourceMessage, baseUrl: string): StreamEvent | null {
  const { event: name = "message", id } = message;
  if (!isEventName(name)) return null;
  const data = z.safeParse(StreamEvents[name], parseJson(message.data));
  if (!data.success) throw foreign(baseUrl, `a "${name}" event that this version does not understand`);
  // The schema was looked up by the same name.
  return { event: name, ...(id === undefined ? {} : { id }), data: data.data } as StreamEvent;
}

function isEventName(name: string): name is keyof typeof StreamEvents {
  return Object.hasOwn(StreamEvents, name);
}

function foreign(baseUrl: string, what: string): MeshError {
  return new MeshError("NOT_A_COORDINATOR", `${baseUrl} sent ${what}`, {
    hint: "Compare the versions: claw-mesh doctor",
  });
}
