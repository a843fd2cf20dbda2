/** One part of a streamed answer, before an API puts it into words of its own. */
export type AnswerPart =
  | { readonly text: string }
  | { readonly finish: string }
  | { readonly error: { readonly type: string; readonly message: string } }
  /** An event that says nothing of the answer. */
  | { readonly other: true }
  | { readonly done: true };

/** How an API writes answers. */
export interface Encoding {
  readonly begin: () => readonly string[];
  /** @param soFar - the text of all parts up to this one */
  readonly part: (part: AnswerPart, soFar: string) => string;
  readonly whole: (text: string) => object;
}

const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`;
const done = "data: [DONE]\n\n";
const chunk = (choice: object) =>
  event({ id: "chatcmpl-1", object: "chat.completion.chunk", choices: [{ index: 0, ...choice }] });

/** `/v1/chat/completions` */
export const chatEncoding: Encoding = {
  begin: () => [chunk({ delta: { role: "assistant", content: "" }, finish_reason: null })],
  part: (part) => {
    if ("text" in part) return chunk({ delta: { content: part.text }, finish_reason: null });
    if ("finish" in part) return chunk({ delta: {}, finish_reason: part.finish });
    if ("error" in part) return event({ error: part.error });
    return "other" in part ? event({ choices: [], usage: { total_tokens: 3 } }) : done;
  },
  whole: (content) => ({
    id: "chatcmpl-1",
    object: "chat.completion",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  }),
};

const named = (type: string, data: object) => `event: ${type}\n${event({ type, ...data })}`;
const item = { id: "msg_1", type: "message", role: "assistant" };
const message = (text: string) => ({ ...item, content: [{ type: "output_text", text }] });
const responseObject = (status: string, text: string, more: object = {}) => ({
  id: "resp_1",
  object: "response",
  status,
  output: text === "" ? [] : [{ type: "reasoning", summary: [] }, message(text)],
  error: null,
  ...more,
});

/** `/v1/responses`, with the events that Hermes Agent 0.19 and OpenClaw 2026.9 send. */
export const responsesEncoding: Encoding = {
  begin: () => [
    named("response.created", { response: responseObject("in_progress", "") }),
    named("response.output_item.added", { output_index: 0, item }),
  ],
  part: (part, soFar) => {
    if ("text" in part) {
      return named("response.output_text.delta", { item_id: item.id, output_index: 0, delta: part.text });
    }
    if ("finish" in part) return finish(part.finish, soFar);
    if ("error" in part) {
      const { type: code, message } = part.error;
      return named("response.failed", {
        response: responseObject("failed", soFar, { error: { code, message } }),
      });
    }
    return "other" in part ? named("response.output_item.done", { output_index: 0, item }) : done;
  },
  whole: (text) => responseObject("completed", text),
};

function finish(reason: string, soFar: string): string {
  if (reason === "stop") return named("response.completed", { response: responseObject("completed", soFar) });
  const response = responseObject("incomplete", soFar, { incomplete_details: { reason } });
  return named("response.incomplete", { response });
}
