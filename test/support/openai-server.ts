import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";

/**
 * An OpenAI-compatible server on loopback that behaves like the real ones on the wire. What it answers is decided by
 * the last user message:
 *
 * - `slow: X` a few pieces, then silence until the client goes away
 * - `recall` all earlier user messages of the request
 * - `long` an answer beyond 8 MiB
 * - `empty FINISH_REASON` an answer without text
 * - `whole: X` one JSON object although a stream was asked for
 * - `status NNN CODE: TEXT` an error answer; `status NNN` one with a plain text body
 * - `stream error CODE: TEXT` some text, then an error inside the stream
 * - `cut: X` some text, then the connection is dropped; `end: X` it is closed in order, without the last words
 * - `done after text: X` text and finish_reason, then the connection is dropped without [DONE]
 * - `page` a web page with status 200
 * - anything else: `You said: …`, streamed word by word
 */
export interface OpenaiServer extends AsyncDisposable {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly requests: readonly ChatRequestSeen[];
  /** Resolves when a client has cut off an answer before its end. */
  readonly firstAbort: Promise<void>;
  /** Drops every connection and stops listening. */
  readonly stop: () => Promise<void>;
}

export interface ChatRequestSeen {
  readonly headers: IncomingHttpHeaders;
  readonly body: { readonly model: string; readonly user?: string; readonly messages: readonly Message[] };
}

interface Message {
  readonly role: string;
  readonly content: string;
}

export interface OpenaiServerOptions {
  /** null: no key is asked for. */
  readonly apiKey?: string | null;
  readonly models?: readonly string[];
  /** false: `/v1/models` is 404, as on servers without a list. */
  readonly hasModelList?: boolean;
  /** false: every `/v1/…` path is 404 with a plain text, as on an OpenClaw gateway with the endpoint switched off. */
  readonly isEnabled?: boolean;
}

/** What is sent to one request. */
type Reply =
  | { readonly kind: "whole"; readonly status: number; readonly type: string; readonly body: string }
  /** `hang`: nothing more comes, and the connection stays; `cut`: it is dropped. */
  | { readonly kind: "stream"; readonly events: readonly string[]; readonly ending: "end" | "hang" | "cut" };

export async function startOpenaiServer(options: OpenaiServerOptions = {}): Promise<OpenaiServer> {
  const requests: ChatRequestSeen[] = [];
  const aborted = Promise.withResolvers<void>();
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const reply = decideReply(request, body, options);
    if (request.method === "POST" && request.url === "/v1/chat/completions") {
      requests.push({ headers: request.headers, body: JSON.parse(body) });
    }
    response.on("close", () => {
      const isOurs = reply.kind === "stream" && reply.ending === "cut";
      if (!response.writableEnded && !isOurs) aborted.resolve();
    });
    await send(response, reply);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const stop = async () => {
    server.closeAllConnections();
    server.close();
  };
  return {
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`,
    requests,
    firstAbort: aborted.promise,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function decideReply(request: IncomingMessage, body: string, options: OpenaiServerOptions): Reply {
  const { apiKey = null, models = ["test-embed-1", "test-model"] } = options;
  const { hasModelList = true, isEnabled = true } = options;
  const isList = request.url === "/v1/models";
  if (!isEnabled || (isList && !hasModelList)) return notFound;
  const authorization = request.headers.authorization ?? "none";
  if (apiKey !== null && authorization !== `Bearer ${apiKey}`) {
    return errorReply(401, "invalid_api_key", `Incorrect API key provided: ${authorization}.`);
  }
  if (isList) return json(200, { object: "list", data: models.map((id) => ({ id, object: "model" })) });
  if (request.url !== "/v1/chat/completions") return notFound;
  if (request.method !== "POST") return { ...notFound, status: 405 };
  const chat: ChatRequestSeen["body"] = JSON.parse(body);
  if (!models.includes(chat.model)) {
    return errorReply(404, "model_not_found", `The model '${chat.model}' does not exist.`);
  }
  return decideAnswer(chat.messages);
}

/** The events, after the usual role chunk, each in two writes that cut it at an odd place. */
async function send(response: ServerResponse, reply: Reply): Promise<void> {
  if (reply.kind === "whole") {
    response.writeHead(reply.status, { "content-type": reply.type }).end(reply.body);
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  const role = toChunk({ delta: { role: "assistant", content: "" }, finish_reason: null });
  for (const event of [": keep-alive\n\n", role, ...reply.events]) {
    const bytes = Buffer.from(event);
    const middle = Math.floor(bytes.length / 2) + 1;
    response.write(bytes.subarray(0, middle));
    response.write(bytes.subarray(middle));
    await Bun.sleep(0);
  }
  if (reply.ending === "end") response.end();
  // Long enough for the client to see what came before.
  if (reply.ending === "cut") await Bun.sleep(50).then(() => response.destroy());
}

const json = (status: number, body: object): Reply => ({
  kind: "whole",
  status,
  type: "application/json",
  body: JSON.stringify(body),
});
const notFound = { kind: "whole", status: 404, type: "text/plain", body: "Not Found" } as const;
const errorReply = (status: number, code: string, message: string) =>
  json(status, { error: { message, type: "test_error", param: null, code } });
const stream = (events: readonly string[], ending: "end" | "hang" | "cut" = "end"): Reply => ({
  kind: "stream",
  events,
  ending,
});

function decideAnswer(messages: readonly Message[]): Reply {
  const content = messages.at(-1)?.content ?? "";
  const rest = content.slice(content.indexOf(":") + 1).trim();
  const status = /^status (\d{3})(?: ([\w-]+): (.*))?$/s.exec(content);
  if (status !== null) {
    const [, digits, code, message = ""] = status;
    if (code === undefined) return { ...notFound, status: Number(digits), body: "plain words" };
    return errorReply(Number(digits), code, message);
  }
  const streamError = /^stream error ([\w-]+): (.*)$/s.exec(content);
  if (streamError !== null) {
    const error = { message: streamError[2], type: streamError[1] };
    return stream([delta("Working on it "), event({ error }), done]);
  }
  if (content === "page") return { ...notFound, status: 200, type: "text/html", body: "<!doctype html>" };
  if (content === "long") return stream([...longPieces(), finish("stop"), done]);
  if (content === "recall") {
    const earlier = messages.slice(0, -1).map((message) => message.content);
    return said(earlier.join(" | "));
  }
  if (content.startsWith("empty ")) return stream([finish(content.slice(6)), done]);
  if (content.startsWith("whole: ")) return whole(rest);
  if (content.startsWith("slow: ")) return stream(["Thinking ", "about ", rest].map(delta), "hang");
  if (content.startsWith("cut: ")) return stream([delta("Half of "), delta(rest)], "cut");
  if (content.startsWith("end: ")) return stream([delta("Half of "), delta(rest)]);
  if (content.startsWith("done after text: ")) return stream([delta(rest), finish("stop")], "cut");
  return said(content);
}

function said(content: string): Reply {
  const words = `You said: ${content}`.match(/\S+\s*|\s+/g) ?? [];
  const usage = event({ choices: [], usage: { total_tokens: 3 } });
  return stream([...words.map(delta), finish("stop"), usage, done]);
}

function whole(content: string): Reply {
  return json(200, {
    id: "chatcmpl-1",
    object: "chat.completion",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  });
}

const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`;
const done = "data: [DONE]\n\n";
const toChunk = (choice: object) =>
  event({ id: "chatcmpl-1", object: "chat.completion.chunk", choices: [{ index: 0, ...choice }] });
const delta = (content: string) => toChunk({ delta: { content }, finish_reason: null });
const finish = (reason: string) => toChunk({ delta: {}, finish_reason: reason });

function longPieces(): readonly string[] {
  const piece = "a".repeat(1024 * 1024);
  return Array.from({ length: 9 }, () => delta(piece));
}
