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
  type TakeEvent,
} from "./answer-stream.ts";
import { isErrorBody, readServerError } from "./server-error.ts";

/** The response object of the API, as far as an answer needs it. */
const ResponseObject = z.object({
  status: z.string(),
  output: z
    .array(
      z.object({
        type: z.string(),
        content: z.array(z.object({ type: z.string(), text: z.string().optional() })).optional(),
      }),
    )
    .catch([])
    .default([]),
  error: z.unknown().optional(),
  incomplete_details: z.object({ reason: z.string().nullish() }).nullish(),
});
type ResponseObject = z.infer<typeof ResponseObject>;

const TextDelta = z.object({
  type: z.literal("response.output_text.delta"),
  delta: z.string(),
  /** Which item of the output grows: an agent writes one, uses a tool, and writes another. */
  item_id: z.string().optional(),
  output_index: z.number().optional(),
});
const Ending = z.object({
  type: z.enum(["response.completed", "response.failed", "response.incomplete", "response.cancelled"]),
  response: ResponseObject,
});
const StreamError = z.object({ type: z.literal("error") });

/**
 * Reads the answer of `/v1/responses`, streamed or whole. Rejects when the connection is lost or the request was aborted.
 */
export async function readResponsesAnswer(response: Response, onText: OnText): Promise<AnswerEnd> {
  const contentType = response.headers.get("content-type") ?? "none";
  if (contentType.startsWith("text/event-stream")) {
    return await readAnswerStream(response, createTakeEvent(), onText);
  }
  if (contentType.includes("json")) return await readWhole(response, contentType);
  await response.body?.cancel();
  return { kind: "foreign", contentType };
}

async function readWhole(response: Response, contentType: string): Promise<AnswerEnd> {
  const body = await readBoundedBody(response, maxEventLength);
  if (body === null) return { kind: "too_large" };
  const json = readJson(body);
  if (isErrorBody(json)) return { kind: "error", error: readServerError(json) };
  const answer = ResponseObject.safeParse(json);
  return answer.success ? toEnd(answer.data, textOf(answer.data)) : { kind: "foreign", contentType };
}

/** Events of one stream: deltas of text, then what became of the response. Others tell of tools and thoughts. */
function createTakeEvent(): TakeEvent {
  let item: string | number | undefined;
  return (data: string, answer: AnswerState) => {
    const json = readJson(data);
    const delta = TextDelta.safeParse(json).data;
    if (delta !== undefined) {
      const current = delta.item_id ?? delta.output_index;
      if (answer.text() !== "" && current !== item) answer.append("\n\n");
      item = current;
      answer.append(delta.delta);
      return;
    }
    const ending = Ending.safeParse(json).data;
    if (ending !== undefined) takeEnding(ending.response, answer);
    else if (StreamError.safeParse(json).success || isErrorBody(json)) {
      answer.endWith({ kind: "error", error: readServerError(json) });
    }
  };
}

function takeEnding(response: ResponseObject, answer: AnswerState): void {
  // A server that does not stream its text has it in the last event only.
  if (answer.text() === "") answer.append(textOf(response));
  answer.endWith(toEnd(response, answer.text()));
}

function toEnd(response: ResponseObject, text: string): AnswerEnd {
  if (isErrorBody(response)) return { kind: "error", error: readServerError(response) };
  if (response.status === "failed" || response.status === "cancelled") {
    const message = `the response was ${response.status}`;
    return { kind: "error", error: { message, words: [], status: null } };
  }
  // `queued` and `in_progress`: the server may work on, and what there is of the text is no answer.
  if (response.status !== "completed" && response.status !== "incomplete") return { kind: "cut" };
  if (exceedsBytes(text, maxAnswerBytes)) return { kind: "too_large" };
  const reason = response.incomplete_details?.reason ?? response.status;
  return { kind: "finished", text, finishReason: reason };
}

function textOf({ output }: ResponseObject): string {
  return output
    .filter(({ type }) => type === "message")
    .map(({ content = [] }) =>
      content.map((part) => (part.type === "output_text" ? (part.text ?? "") : "")).join(""),
    )
    .filter((text) => text !== "")
    .join("\n\n");
}
