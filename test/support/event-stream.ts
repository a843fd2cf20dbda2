import { createParser } from "eventsource-parser";

export interface StreamedEvent {
  readonly event: string;
  /** null: the event has none of its own. */
  readonly id: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at fields of events that they then compare.
  readonly data: any;
}

/** The events of a streamed answer, as they come. */
export async function* readEvents(response: Response): AsyncGenerator<StreamedEvent, void, void> {
  const ready: StreamedEvent[] = [];
  const parser = createParser({
    onEvent: ({ event = "message", id, data }) =>
      ready.push({ event, id: id ?? null, data: JSON.parse(data) }),
  });
  const decoder = new TextDecoder();
  for await (const piece of response.body ?? []) {
    parser.feed(decoder.decode(piece, { stream: true }));
    yield* ready.splice(0);
  }
}

/** Throws when the stream has ended. */
export async function nextEvent(events: AsyncGenerator<StreamedEvent, void, void>): Promise<StreamedEvent> {
  const { value } = await events.next();
  if (value === undefined) throw new Error("the stream ended");
  return value;
}

/** The text that a reader has after an event, as docs/reference/http-api.md says. */
export function textAfter(text: string, { event, data }: StreamedEvent): string {
  return event === "snapshot" || event === "chunk" ? text.slice(0, data.offset) + data.text : text;
}
