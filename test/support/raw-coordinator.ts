import { systemIds } from "../../src/platform/ids.ts";

/** A coordinator that says what it likes: nothing that it sends is looked at before. */
export interface RawCoordinator extends AsyncDisposable {
  readonly url: string;
  readonly meshId: string;
  /** Any value as one message of frames, or a text as it is. */
  readonly send: (...frames: readonly unknown[]) => void;
  readonly sendText: (text: string) => void;
  readonly close: (code: number, reason: string) => void;
  /** Frames that the node has sent, in order. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look at fields of frames that they then compare.
  readonly frames: any[];
  /** Headers of requests, by path. */
  readonly seen: { readonly path: string; readonly authorization: string | null }[];
  /** Resolves when the link that is open now has closed, with its code. */
  readonly closed: () => Promise<number>;
}

export interface RawOptions {
  readonly healthz?: (request: Request) => Response | Promise<Response>;
  /** In place of the upgrade. */
  readonly link?: (request: Request) => Response;
  /** Fields of the welcome in place of good ones. */
  readonly welcome?: Readonly<Record<string, unknown>>;
  readonly meshId?: string;
}

export function startRawCoordinator(options: RawOptions = {}): RawCoordinator {
  const meshId = options.meshId ?? systemIds.mesh();
  const frames: RawCoordinator["frames"] = [];
  const seen: { path: string; authorization: string | null }[] = [];
  let socket: Bun.ServerWebSocket | null = null;
  let closed = Promise.withResolvers<number>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, upgrader) => {
      const path = new URL(request.url).pathname;
      seen.push({ path, authorization: request.headers.get("authorization") });
      if (path === "/healthz") {
        return (
          options.healthz?.(request) ?? Response.json({ status: "ok", mesh_id: meshId, version: "test" })
        );
      }
      if (path !== "/api/v1/link") return new Response("no", { status: 404 });
      if (options.link !== undefined) return options.link(request);
      return upgrader.upgrade(request) ? undefined : new Response("no", { status: 426 });
    },
    websocket: {
      open: (ws) => {
        socket = ws;
        closed = Promise.withResolvers();
      },
      message: (ws, message) => {
        for (const frame of JSON.parse(String(message))) {
          frames.push(frame);
          if (outcomes.has(frame.type)) {
            ws.send(JSON.stringify([{ type: "ack", task: frame.task, attempt: frame.attempt }]));
          }
          if (frame.type !== "hello") continue;
          ws.send(JSON.stringify([{ ...goodWelcome(meshId, frame.name), ...options.welcome }]));
        }
      },
      close: (_, code) => closed.resolve(code),
    },
  });
  const sendText = (text: string) => void socket?.send(text);
  return {
    url: `http://127.0.0.1:${server.port}`,
    meshId,
    frames,
    seen,
    send: (...sent) => sendText(JSON.stringify(sent)),
    sendText,
    close: (code, reason) => socket?.close(code, reason),
    closed: () => closed.promise,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

/** Acknowledged, so that nodes need not wait with their end. */
const outcomes: ReadonlySet<string> = new Set(["result", "failed", "cancelled", "lost"]);

function goodWelcome(meshId: string, name: string) {
  return {
    type: "welcome",
    version: 1,
    mesh_id: meshId,
    node_id: systemIds.node(),
    name,
    token: "x".repeat(43),
    software: "test",
    returning: false,
    beat_ms: 60_000,
    backoff_cap_ms: 2_000,
    resume: [],
  };
}
