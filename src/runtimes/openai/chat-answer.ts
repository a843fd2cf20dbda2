import { createParser } from "eventsource-parser";
import { z } from "zod";
import { exceedsBytes } from "../../platform/text-size.ts";
import { maxAnswerBytes } from "../../protocol/task.ts";
import { readBoundedBody, readJson } from "../bounded-body.ts";
import { isErrorBody, readServerError, type ServerError } from "./server-error.ts";

/** How an answer with status 200 ended. */
export type AnswerEnd =
  | { readonly kind: "finished"; readonly text: string; readonly finishReason: string | null }
  | { readonly kind: "error"; readonly error: ServerError }
  | { readonly kind: "too_large" }
  /** The stream ended before the server said that the answer is complete. */
  | { readonly kind: "cut" }
  /** What came is not the chat API: a web page, say. */
  | { readonly kind: "foreign"; readonly contentType: string };

/** Characters of one event, or bytes of a whole answer without streaming: JSON may take several bytes for one. */
const maxEventLength = 4 * maxAnswerBytes;

const StreamEvent = z.object({
  choices: z
    .array(
      z.object({
        delta: z.object({ content: z.string().nullish() }).nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .default([]),
});

const WholeAnswer = z.object({
  choices: z
    .array(
      z.object({
        message: z.object({ content: z.string().nullish() }),
        finish_reason: z.string().nullish(),
      }),
    )
    .min(1),
});

/**
 * Reads the answer of a chat request, streamed or, from servers that do not stream, whole. Rejects when the
 * connection is lost or the request was aborted.
 */
export async function readChatAnswer(
  response: Response,
  onText: (offset: number, text: string) => void,
): Promise<AnswerEnd> {
  const contentType = response.headers.get("content-type") ?? "none";
  if (contentType.startsWith("text/event-stream")) return await readStream(response, onText);
  if (contentType.includes("json")) return await readWhole(response, contentType);
  await response.body?.cancel();
  return { kind: "foreign", contentType };
}

async function readWhole(response: Response, contentType: string): Promise<AnswerEnd> {
  const body = await readBoundedBody(response, maxEventLength);
  if (body === null) return { kind: "too_large" };
  const json = readJson(body);
  if (isErrorBody(json)) return { kind: "error", error: readServerError(json) };
  const choice = WholeAnswer.safeParse(json).data?.choices[0];
  if (choice === undefined) return { kind: "foreign", contentType };
  const text = choice.message.content ?? "";
  if (exceedsBytes(text, maxAnswerBytes)) return { kind: "too_large" };
  return { kind: "finished", text, finishReason: choice.finish_reason ?? null };
}

async function readStream(
  response: Response,
  onText: (offset: number, text: string) => void,
): Promise<AnswerEnd> {
  if (response.body === null) return { kind: "cut" };
  const answer = createAnswerState(onText);
  const parser = createParser({
    onEvent: (event) => answer.take(event.data),
    onError: (error) => {
      if (error.type === "max-buffer-size-exceeded") answer.overflow();
    },
    maxBufferSize: maxEventLength,
  });
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  try {
    while (answer.end() === null) {
      const { done, value } = await reader.read();
      if (done) return answer.endOfStream();
      parser.feed(decoder.decode(value, { stream: true }));
    }
  } catch (error) {
    // Lost after the server's last word: the answer is complete all the same.
    const end = answer.endOfStream();
    if (end.kind === "finished") return end;
    throw error;
  }
  await reader.cancel();
  return answer.endOfStream();
}

/** Puts the events of one stream together: text … finish_reason … [DONE], or an error at any place. */
function createAnswerState(onText: (offset: number, text: string) => void) {
  let text = "";
  let bytes = 0;
  let finishReason: string | null = null;
  let end: AnswerEnd | null = null;
  const finished = (): AnswerEnd => ({ kind: "finished", text, finishReason });
  const append = (piece: string) => {
    bytes += Buffer.byteLength(piece);
    if (bytes > maxAnswerBytes) {
      end = { kind: "too_large" };
      return;
    }
    onText(text.length, piece);
    text += piece;
  };
  return {
    end: (): AnswerEnd | null => end,
    overflow: () => {
      end ??= { kind: "too_large" };
    },
    endOfStream: (): AnswerEnd => end ?? (finishReason === null ? { kind: "cut" } : finished()),
    take: (data: string) => {
      if (end !== null) return;
      if (data === "[DONE]") {
        // Without a finish_reason and without text nothing was answered; `matchEmptyAnswer` has the word then.
        end = finished();
        return;
      }
      const json = readJson(data);
      if (isErrorBody(json)) {
        end = { kind: "error", error: readServerError(json) };
        return;
      }
      const event = StreamEvent.safeParse(json);
      // Events of other shapes are extensions of the server, to be ignored like unknown fields.
      const choice = event.data?.choices[0];
      if (typeof choice?.delta?.content === "string" && choice.delta.content !== "")
        append(choice.delta.content);
      finishReason = choice?.finish_reason ?? finishReason;
    },
  };
}
