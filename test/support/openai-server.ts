import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { type AnswerPart, chatEncoding, type Encoding, responsesEncoding } from "./openai-encoding.ts";

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
  readonly body: ChatBody;
}

interface ChatBody {
  readonly model: string;
  readonly user?: string;
  readonly messages: readonly Message[];
  readonly session_id?: string;
  /** Of `/v1/responses`, with the next two. */
  readonly input?: string;
  readonly conversation?: string;
  readonly store?: boolean;
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
  /**
   * Which server keeps conversations itself: `nanobot` (0.3: `session_id`, one user message a request), `hermes` (0.19:
   * `conversation` of `/v1/responses`, the chat path keeps nothing), `header` (a ZeroClaw to come: `x-session-key`). Default:
   * none does.
   */
  readonly keeper?: "nanobot" | "hermes" | "header";
}

/** What is sent to one request. */
type Reply =
  | {
      readonly kind: "whole";
      readonly status: number;
      readonly type: string;
      readonly body: string;
      /** An answer without streaming, to be put into the form of its API. */
      readonly text?: string;
    }
  /** `hang`: nothing more comes, and the connection stays; `cut`: it is dropped. */
  | {
      readonly kind: "stream";
      readonly parts: readonly AnswerPart[];
      readonly ending: "end" | "hang" | "cut";
      /** Default: that of chat. */
      readonly encoding?: Encoding;
    };

export async function startOpenaiServer(options: OpenaiServerOptions = {}): Promise<OpenaiServer> {
  const requests: ChatRequestSeen[] = [];
  const kept: Conversations = new Map();
  const aborted = Promise.withResolvers<void>();
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const reply = decideReply(request, body, { ...options, kept });
    if (request.method === "POST" && request.url?.startsWith("/v1/")) {
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

/** User messages by conversation. */
type Conversations = Map<string, string[]>;

function decideReply(
  request: IncomingMessage,
  body: string,
  options: OpenaiServerOptions & { readonly kept: Conversations },
): Reply {
  const { apiKey = null, keeper = null } = options;
  const { models = keeper === null ? ["test-embed-1", "test-model"] : [keeper] } = options;
  const { hasModelList = true, isEnabled = true } = options;
  const isList = request.url === "/v1/models";
  if (!isEnabled || (isList && !hasModelList)) return notFound;
  if (keeper === "hermes" && request.url === "/health") {
    return json(200, { status: "ok", platform: "hermes-agent", version: "0.19.2" });
  }
  const authorization = request.headers.authorization ?? "none";
  if (apiKey !== null && authorization !== `Bearer ${apiKey}`) {
    return errorReply(401, "invalid_api_key", `Incorrect API key provided: ${authorization}.`);
  }
  if (isList) {
    const owner = keeper === "nanobot" ? { owned_by: keeper } : {};
    return json(200, { object: "list", data: models.map((id) => ({ id, object: "model", ...owner })) });
  }
  if (keeper === "hermes" && request.url === "/v1/capabilities") {
    const features = { responses_api: true, responses_streaming: true };
    return json(200, { object: "hermes.api_server.capabilities", platform: "hermes-agent", features });
  }
  const isResponses = keeper === "hermes" && request.url === "/v1/responses";
  if (request.url !== "/v1/chat/completions" && !isResponses) return notFound;
  if (request.method !== "POST") return { ...notFound, status: 405 };
  const chat: ChatBody = JSON.parse(body);
  if (!models.includes(chat.model)) {
    return errorReply(404, "model_not_found", `The model '${chat.model}' does not exist.`);
  }
  if (isResponses) return encode(decideAnswer(recall(chat, request, options)), responsesEncoding);
  if (keeper === "nanobot" && (chat.messages.length !== 1 || chat.messages[0]?.role !== "user")) {
    return errorReply(400, "invalid_request_error", "Only a single user message is supported");
  }
  return encode(decideAnswer(recall(chat, request, options)), chatEncoding);
}

/** The messages of the request behind those that the server has kept of its conversation. */
function recall(
  chat: ChatBody,
  request: IncomingMessage,
  { keeper, kept }: Pick<OpenaiServerOptions, "keeper"> & { readonly kept: Conversations },
): readonly Message[] {
  const content = chat.input ?? chat.messages.at(-1)?.content ?? "";
  const header = request.headers["x-session-key"];
  const names = {
    // Requests without a name share one conversation there.
    nanobot: `api:${chat.session_id ?? "default"}`,
    hermes: chat.input === undefined || chat.store === false ? null : (chat.conversation ?? null),
    header: typeof header === "string" ? header : null,
  };
  const name = keeper === undefined ? null : names[keeper];
  if (name === null) return chat.messages ?? [{ role: "user", content }];
  const earlier = kept.get(name) ?? [];
  kept.set(name, [...earlier, content]);
  return [...earlier, content].map((text) => ({ role: "user", content: text }));
}

function encode(reply: Reply, encoding: Encoding): Reply {
  if (reply.kind === "stream") return { ...reply, encoding };
  return reply.text === undefined ? reply : json(200, encoding.whole(reply.text));
}

/** The events, after the usual role chunk, each in two writes that cut it at an odd place. */
async function send(response: ServerResponse, reply: Reply): Promise<void> {
  if (reply.kind === "whole") {
    response.writeHead(reply.status, { "content-type": reply.type }).end(reply.body);
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  const { begin, part } = reply.encoding ?? chatEncoding;
  let soFar = "";
  const events = reply.parts.map((one) => {
    if ("text" in one) soFar += one.text;
    return part(one, soFar);
  });
  for (const event of [": keep-alive\n\n", ...begin(), ...events]) {
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

const json = (status: number, body: object) => ({
  kind: "whole" as const,
  status,
  type: "application/json",
  body: JSON.stringify(body),
});
const notFound = { kind: "whole", status: 404, type: "text/plain", body: "Not Found" } as const;
const errorReply = (status: number, code: string, message: string) =>
  json(status, { error: { message, type: "test_error", param: null, code } });
const stream = (parts: readonly AnswerPart[], ending: "end" | "hang" | "cut" = "end"): Reply => ({
  kind: "stream",
  parts,
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
    const [, type = "", message = ""] = streamError;
    return stream([delta("Working on it "), { error: { type, message } }, done]);
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
  return stream([...words.map(delta), finish("stop"), { other: true }, done]);
}

function whole(content: string): Reply {
  return { ...json(200, {}), text: content };
}

const done: AnswerPart = { done: true };
const delta = (text: string): AnswerPart => ({ text });
const finish = (reason: string): AnswerPart => ({ finish: reason });

function longPieces(): readonly AnswerPart[] {
  const piece = "a".repeat(1024 * 1024);
  return Array.from({ length: 9 }, () => delta(piece));
}
