import { z } from "zod";
import type { ZeroclawModel } from "./config.ts";

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface ModelCall {
  readonly model: ZeroclawModel;
  readonly messages: readonly ChatMessage[];
  /** The chat by WebSocket asks for a stream, the webhook does not. */
  readonly stream: boolean;
  readonly signal: AbortSignal;
  readonly onDelta: (text: string) => void;
}

/** What the model provider did wrong; the text is what a client of the WebSocket chat is told. */
export class ProviderFailure extends Error {
  /** As `ws_turn_failure_frame` derives it from the text. */
  readonly code: "AUTH_ERROR" | "PROVIDER_ERROR" | "AGENT_ERROR";

  constructor(diagnostic: string) {
    super(sanitize(diagnostic));
    const text = this.message.toLowerCase();
    const isAuth = ["api key", "authentication", "unauthorized"].some((word) => text.includes(word));
    this.code = isAuth ? "AUTH_ERROR" : text.includes("model") ? "PROVIDER_ERROR" : "AGENT_ERROR";
  }
}

const Chunk = z.object({
  choices: z
    .array(
      z.object({
        delta: z.object({ content: z.string().nullish() }).optional(),
        message: z.object({ content: z.string().nullish() }).optional(),
      }),
    )
    .default([]),
  error: z.object({ message: z.string().optional(), type: z.string().optional() }).optional(),
});

/** Asks the OpenAI-compatible server; takes a stream or a whole answer, whichever comes. */
export async function callModel({ model, messages, stream, signal, onDelta }: ModelCall): Promise<string> {
  const response = await fetch(toUrl(model.uri), {
    method: "POST",
    signal,
    headers: {
      "content-type": "application/json",
      ...(model.apiKey === null ? {} : { authorization: `Bearer ${model.apiKey}` }),
    },
    body: JSON.stringify({ model: model.model, messages, temperature: 0.7, ...(stream ? { stream } : {}) }),
  }).catch((error: unknown) => {
    if (signal.aborted) throw error;
    throw failed(model, "error sending request");
  });
  if (!response.ok)
    throw failed(model, `(${response.status} ${response.statusText}): ${await response.text()}`);
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
    const text = readWhole(await response.text(), model);
    onDelta(text);
    return text;
  }
  return await readStream(response, model, onDelta);
}

async function readStream(
  response: Response,
  model: ZeroclawModel,
  onDelta: (text: string) => void,
): Promise<string> {
  const decoder = new TextDecoder();
  let pending = "";
  let answer = "";
  for await (const bytes of response.body ?? []) {
    const lines = (pending + decoder.decode(bytes, { stream: true })).split("\n");
    pending = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
      const chunk = Chunk.parse(JSON.parse(line.slice(6)));
      if (chunk.error !== undefined) throw failed(model, `: ${chunk.error.type} ${chunk.error.message}`);
      const text = chunk.choices[0]?.delta?.content ?? "";
      if (text === "") continue;
      answer += text;
      onDelta(text);
    }
  }
  if (answer === "") throw new ProviderFailure("model completed without final text or tool calls");
  return answer;
}

function readWhole(body: string, model: ZeroclawModel): string {
  try {
    const text = Chunk.parse(JSON.parse(body)).choices[0]?.message?.content ?? "";
    if (text !== "") return text;
  } catch {
    // Whatever it is, it is no answer, as is said below.
  }
  throw failed(model, "response could not be decoded");
}

function toUrl(uri: string): string {
  return uri.endsWith("/chat/completions") ? uri : `${uri.replace(/\/+$/, "")}/chat/completions`;
}

function failed(model: ZeroclawModel, what: string): ProviderFailure {
  return new ProviderFailure(
    `All model_providers/models failed. Attempts:\nmodel_provider=${model.provider} model=${model.model} attempt 1/1: error=API error ${what}`,
  );
}

/** Keys cut out, 200 characters. */
function sanitize(text: string): string {
  return text.replace(/\b(?:sk|zc)[-_][\w-]+/g, "[REDACTED]").slice(0, 200);
}
