import { createParser } from "eventsource-parser";
import { maxAnswerBytes } from "../../protocol/task.ts";
import type { ServerError } from "./server-error.ts";

/** How an answer with status 200 ended. */
export type AnswerEnd =
  | { readonly kind: "finished"; readonly text: string; readonly finishReason: string | null }
  | { readonly kind: "error"; readonly error: ServerError }
  | { readonly kind: "too_large" }
  /** The stream ended before the server said that the answer is complete. */
  | { readonly kind: "cut" }
  /** What came is not the API: a web page, say. */
  | { readonly kind: "foreign"; readonly contentType: string };

/** Characters of one event, or bytes of a whole answer without streaming: JSON may take several bytes for one. */
export const maxEventLength = 4 * maxAnswerBytes;

export type OnText = (offset: number, text: string) => void;

/** What the events of a stream have told so far. */
export interface AnswerState {
  readonly text: () => string;
  readonly append: (piece: string) => void;
  /** The server's word on why the answer is over; the text so far is the answer when the stream ends after it. */
  readonly noteReason: (reason: string) => void;
  /** Nothing after it counts; the first call does. */
  readonly endWith: (end: AnswerEnd) => void;
  /** The text so far is the answer. */
  readonly finish: () => void;
}

/** Takes the data of one event. */
export type TakeEvent = (data: string, answer: AnswerState) => void;

/** Reads the events of one answer. Rejects when the connection is lost before its end, or the request was aborted. */
export async function readAnswerStream(
  response: Response,
  take: TakeEvent,
  onText: OnText,
): Promise<AnswerEnd> {
  if (response.body === null) return { kind: "cut" };
  const { answer, end, endOfStream } = createAnswerState(onText);
  const parser = createParser({
    onEvent: ({ data }) => {
      if (end() === null) take(data, answer);
    },
    onError: (error) => {
      if (error.type === "max-buffer-size-exceeded") answer.endWith({ kind: "too_large" });
    },
    maxBufferSize: maxEventLength,
  });
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  try {
    while (end() === null) {
      const { done, value } = await reader.read();
      if (done) return endOfStream();
      parser.feed(decoder.decode(value, { stream: true }));
    }
  } catch (error) {
    // Lost after the server's last word: the answer is complete all the same.
    const last = endOfStream();
    if (last.kind === "finished") return last;
    throw error;
  }
  await reader.cancel();
  return endOfStream();
}

function createAnswerState(onText: OnText) {
  let text = "";
  let bytes = 0;
  let finishReason: string | null = null;
  let end: AnswerEnd | null = null;
  const finished = (): AnswerEnd => ({ kind: "finished", text, finishReason });
  const answer: AnswerState = {
    text: () => text,
    append: (piece) => {
      if (piece === "" || end !== null) return;
      bytes += Buffer.byteLength(piece);
      if (bytes > maxAnswerBytes) {
        end = { kind: "too_large" };
        return;
      }
      onText(text.length, piece);
      text += piece;
    },
    noteReason: (reason) => {
      finishReason = reason;
    },
    endWith: (what) => {
      end ??= what;
    },
    finish: () => {
      end ??= finished();
    },
  };
  return {
    answer,
    end: () => end,
    endOfStream: (): AnswerEnd => end ?? (finishReason === null ? { kind: "cut" } : finished()),
  };
}
