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
  /** Runs that the client cut off before their end. */
  readonly abortedCount: () => number;
  /** Drops every connection and stops listening. */
  readonly stop: () => Promise<void>;
}

export interface ChatRequestSeen {
  readonly headers: Headers;
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

const encoder = new TextEncoder();

export function startOpenaiServer(options: OpenaiServerOptions = {}): OpenaiServer {
  const {
    apiKey = null,
    models = ["test-embed-1", "test-model"],
    hasModelList = true,
    isEnabled = true,
  } = options;
  const requests: ChatRequestSeen[] = [];
  let aborted = 0;

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: async (request) => {
      const { pathname } = new URL(request.url);
      if (!isEnabled || (pathname === "/v1/models" && !hasModelList)) return notFound();
      if (apiKey !== null && request.headers.get("authorization") !== `Bearer ${apiKey}`) {
        const given = request.headers.get("authorization") ?? "none";
        return errorAnswer(401, "invalid_api_key", `Incorrect API key provided: ${given}.`);
      }
      if (pathname === "/v1/models") {
        return Response.json({ object: "list", data: models.map((id) => ({ id, object: "model" })) });
      }
      if (pathname !== "/v1/chat/completions") return notFound();
      if (request.method !== "POST") return new Response("Method Not Allowed", { status: 405 });
      const body = (await request.json()) as ChatRequestSeen["body"];
      requests.push({ headers: request.headers, body });
      if (!models.includes(body.model)) {
        return errorAnswer(404, "model_not_found", `The model '${body.model}' does not exist.`);
      }
      request.signal.addEventListener("abort", () => {
        aborted += 1;
      });
      return answer(body);
    },
  });

  const stop = () => server.stop(true);
  return {
    url: `http://127.0.0.1:${server.port}`,
    requests,
    abortedCount: () => aborted,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

const notFound = () => new Response("Not Found", { status: 404 });

function errorAnswer(status: number, code: string, message: string): Response {
  return Response.json({ error: { message, type: "test_error", param: null, code } }, { status });
}

function answer(body: ChatRequestSeen["body"]): Response {
  const content = body.messages.at(-1)?.content ?? "";
  const rest = content.slice(content.indexOf(":") + 1).trim();
  const status = /^status (\d{3})(?: ([\w-]+): (.*))?$/s.exec(content);
  if (status !== null) {
    const [, digits, code, message] = status;
    if (code === undefined) return new Response("plain words", { status: Number(digits) });
    return errorAnswer(Number(digits), code, message ?? "");
  }
  const streamError = /^stream error ([\w-]+): (.*)$/s.exec(content);
  if (streamError !== null) {
    const error = { message: streamError[2], type: streamError[1] };
    return stream([delta("Working on it "), event({ error }), done], "end");
  }
  if (content === "page")
    return new Response("<!doctype html>", { headers: { "content-type": "text/html" } });
  if (content === "long") return stream([...longPieces(), finish("stop"), done], "end");
  if (content === "recall")
    return said(
      body.messages
        .slice(0, -1)
        .map((message) => message.content)
        .join(" | "),
    );
  if (content.startsWith("empty ")) return stream([finish(content.slice(6)), done], "end");
  if (content.startsWith("whole: ")) return whole(rest);
  if (content.startsWith("slow: ")) return stream(["Thinking ", "about ", rest].map(delta), "hang");
  if (content.startsWith("cut: ")) return stream([delta("Half of "), delta(rest)], "cut");
  if (content.startsWith("end: ")) return stream([delta("Half of "), delta(rest)], "end");
  if (content.startsWith("done after text: ")) return stream([delta(rest), finish("stop")], "cut");
  return said(content);
}

function said(content: string): Response {
  const words = `You said: ${content}`.match(/\S+\s*|\s+/g) ?? [];
  return stream(
    [...words.map(delta), finish("stop"), event({ choices: [], usage: { total_tokens: 3 } }), done],
    "end",
  );
}

function whole(content: string): Response {
  return Response.json({
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

/** The pieces, after the usual role chunk, each in a write of its own and cut at an odd place. */
function stream(pieces: readonly string[], ending: "end" | "hang" | "cut"): Response {
  const body = new ReadableStream<Uint8Array>({
    start: async (controller) => {
      const role = toChunk({ delta: { role: "assistant", content: "" }, finish_reason: null });
      for (const piece of [": keep-alive\n\n", role, ...pieces]) {
        const bytes = encoder.encode(piece);
        const middle = Math.floor(bytes.length / 2) + 1;
        controller.enqueue(bytes.subarray(0, middle));
        controller.enqueue(bytes.subarray(middle));
        await Bun.sleep(0);
      }
      if (ending === "end") controller.close();
      // Long enough for the client to see what came before.
      if (ending === "cut") await Bun.sleep(50).then(() => controller.error(new Error("cut by the test")));
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8" } });
}
