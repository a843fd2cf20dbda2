/** An OpenAI-compatible server whose answers the test gives by hand, so that a run is in progress for as long as it likes. */
export interface HeldRuntime extends AsyncDisposable {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** The next run, also one that came before the call. */
  readonly nextRun: () => Promise<HeldRun>;
  readonly runCount: () => number;
}

export interface HeldRun {
  /** The last user message. */
  readonly content: string;
  readonly write: (text: string) => void;
  readonly finish: () => void;
  /** Resolves when the client went away before the end. */
  readonly abandoned: Promise<void>;
}

interface ChatRequest {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

export function startHeldRuntime(): HeldRuntime {
  const waiting: ((run: HeldRun) => void)[] = [];
  const arrived: HeldRun[] = [];
  let runs = 0;
  const hand = (run: HeldRun): void => {
    runs += 1;
    const taker = waiting.shift();
    if (taker === undefined) arrived.push(run);
    else taker(run);
  };

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    routes: {
      "/v1/models": () => Response.json({ object: "list", data: [{ id: "held", object: "model" }] }),
      "/v1/chat/completions": {
        POST: async (request) => {
          const { messages } = (await request.json()) as ChatRequest;
          const { run, stream } = createHeldRun(messages.at(-1)?.content ?? "");
          hand(run);
          return new Response(stream, { headers: { "content-type": "text/event-stream" } });
        },
      },
    },
    fetch: () => new Response("not here", { status: 404 }),
  });

  return {
    url: `http://127.0.0.1:${server.port}`,
    runCount: () => runs,
    nextRun: () => {
      const run = arrived.shift();
      if (run !== undefined) return Promise.resolve(run);
      return new Promise((resolve) => waiting.push(resolve));
    },
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

function createHeldRun(content: string): {
  readonly run: HeldRun;
  readonly stream: ReadableStream<Uint8Array>;
} {
  const encoder = new TextEncoder();
  const { promise: abandoned, resolve: abandon } = Promise.withResolvers<void>();
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  const send = (event: string) => controller?.enqueue(encoder.encode(`data: ${event}\n\n`));
  const piece = (delta: object, finishReason: string | null) =>
    JSON.stringify({
      id: "held",
      object: "chat.completion.chunk",
      choices: [{ index: 0, delta, finish_reason: finishReason }],
    });
  const stream = new ReadableStream<Uint8Array>({
    start: (created) => {
      controller = created;
      send(piece({ role: "assistant", content: "" }, null));
    },
    cancel: () => {
      controller = null;
      abandon();
    },
  });
  const run: HeldRun = {
    content,
    abandoned,
    write: (text) => void send(piece({ content: text }, null)),
    finish: () => {
      send(piece({}, "stop"));
      send("[DONE]");
      controller?.close();
      controller = null;
    },
  };
  return { run, stream };
}
