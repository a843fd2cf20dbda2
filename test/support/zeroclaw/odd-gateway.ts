/** What one gateway says other than it should. */
export interface OddAnswers {
  /** Default: version 0.8.4 with a model. */
  readonly status?: () => Response;
  /** Default: an answer. */
  readonly webhook?: (request: Request) => Response | Promise<Response>;
  /** Of everything below `/api/sessions/`. Default: nothing runs in the session. */
  readonly sessions?: (request: Request) => Response;
  /** First frame of a socket; default: `session_start` of the session that was asked for. */
  readonly greeting?: object;
  /** Sent in answer to a message. Default: an answer. */
  readonly frames?: readonly object[];
  /** Default: no token is asked for. */
  readonly wantsToken?: boolean;
  /** Of `/admin/paircode/new` and `/api/pair`. */
  readonly pair?: () => Promise<Response>;
}

export interface OddGateway extends AsyncDisposable {
  readonly endpoint: string;
  /** `POST /webhook` */
  readonly requests: readonly string[];
  /** Of `/webhook`. */
  readonly headers: readonly Headers[];
  /** Content of the messages that came by the chat. */
  readonly messages: readonly string[];
}

/** A gateway that speaks enough of ZeroClaw 0.8 to be taken for one, and is wrong in the way that a test wants. */
export function startOddGateway(answers: OddAnswers): OddGateway {
  const requests: string[] = [];
  const headers: Headers[] = [];
  const messages: string[] = [];
  const { frames = [{ type: "done", full_response: "by the chat" }], wantsToken = false } = answers;
  const server = Bun.serve<string>({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: async (request, server) => {
      const { pathname, searchParams } = new URL(request.url);
      requests.push(`${request.method} ${pathname}`);
      if (pathname.startsWith("/api/sessions/")) return answers.sessions?.(request) ?? Response.json(nothing);
      switch (pathname) {
        case "/health":
          return Response.json({ status: "ok", require_pairing: wantsToken, runtime: { components: {} } });
        case "/api/status":
          return answers.status?.() ?? Response.json({ version: "0.8.4", model: "bird" });
        case "/webhook":
          headers.push(request.headers);
          return (await answers.webhook?.(request)) ?? Response.json({ response: "by the webhook" });
        case "/admin/paircode/new":
        case "/api/pair":
          return (await answers.pair?.()) ?? notFound();
        case "/ws/chat": {
          const data = searchParams.get("session_id") ?? "";
          return server.upgrade(request, { data, headers: { "sec-websocket-protocol": "zeroclaw.v1" } })
            ? undefined
            : notFound();
        }
        default:
          return notFound();
      }
    },
    websocket: {
      open: (socket) => {
        const start = { type: "session_start", session_id: socket.data, resumed: false, message_count: 0 };
        socket.send(JSON.stringify(answers.greeting ?? start));
      },
      message: (socket, text) => {
        const { type, content } = JSON.parse(String(text));
        if (type !== "message") return;
        messages.push(content);
        for (const frame of frames) socket.send(JSON.stringify(frame));
      },
    },
  });
  return {
    endpoint: `127.0.0.1:${server.port}`,
    requests,
    headers,
    messages,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

const nothing = { status: "no_active_response", state: "idle" };
const notFound = () => new Response("not here", { status: 404 });
