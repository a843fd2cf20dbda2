import { z } from "zod";
import { exceedsBytes } from "../../platform/text-size.ts";
import { maxAnswerBytes } from "../../protocol/task.ts";
import { readBoundedBody, readJson } from "../bounded-body.ts";
import {
  type AnswerEnd,
  type AnswerState,
  maxEventLength,
  type OnText,
  readAnswerStream,
} from "./answer-stream.ts";
import { isErrorBody, readServerError } from "./server-error.ts";

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
 * Reads the answer of `/v1/chat/completions`, streamed or, from servers that do not stream, whole. Rejects when the
 * connection is lost or the request was aborted.
 */
export async function readChatAnswer(response: Response, onText: OnText): Promise<AnswerEnd> {
  const contentType = response.headers.get("content-type") ?? "none";
  if (contentType.startsWith("text/event-stream")) return await readAnswerStream(response, takeEvent, onText);
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

/** text … finish_reason … [DONE], or an error at any place. */
function takeEvent(data: string, answer: AnswerState): void {
  if (data === "[DONE]") {
    // Without a finish_reason and without text nothing was answered; `matchEmptyAnswer` has the word then.
    answer.finish();
    return;
  }
  const json = readJson(data);
  if (isErrorBody(json)) {
    answer.endWith({ kind: "error", error: readServerError(json) });
    return;
  }
  // Events of other shapes are extensions of the server, to be ignored like unknown fields.
  const choice = StreamEvent.safeParse(json).data?.choices[0];
  answer.append(choice?.delta?.content ?? "");
  if (typeof choice?.finish_reason === "string") answer.noteReason(choice.finish_reason);
}
