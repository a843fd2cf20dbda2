import { systemIds } from "../../../src/platform/ids.ts";

/** Welcomes one node agent, and says to it whatever it is told to. */
export interface HostileCoordinator {
  readonly url: string;
  /** Resolves when a node is linked. */
  readonly linked: () => Promise<void>;
  /** Sends messages on the link, or in place of the next welcome; then ends the link. */
  readonly say: (messages: readonly string[], isFirst: boolean) => Promise<void>;
  readonly stop: () => Promise<void>;
}

type Socket = Bun.ServerWebSocket<undefined>;

/** Long enough for a node to read what came; the end of the link is what is waited for. */
const linkLimitMs = 10_000;

export function startHostileCoordinator(): HostileCoordinator {
  const meshId = systemIds.mesh();
  const nodeId = systemIds.node();
  let socket: Socket | null = null;
  let isWelcome = false;
  let inPlace: readonly string[] | null = null;
  let linked = Promise.withResolvers<void>();
  let gone = Promise.withResolvers<void>();
  /** What stands in place of a welcome was sent. */
  let said = Promise.withResolvers<void>();

  const welcome = (hello: { readonly name: string }) => ({
    type: "welcome",
    version: 1,
    mesh_id: meshId,
    node_id: nodeId,
    name: hello.name,
    token: "t".repeat(32),
    software: "test",
    returning: true,
    beat_ms: 60_000,
    backoff_cap_ms: 2_000,
    resume: [],
  });

  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, bun) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/healthz") return Response.json({ status: "ok", mesh_id: meshId, version: "test" });
      if (pathname === "/api/v1/link" && bun.upgrade(request)) return undefined;
      return Response.json({ error: "no", code: "ROUTE_NOT_FOUND", hint: "" }, { status: 404 });
    },
    websocket: {
      open: (opened) => {
        socket = opened;
        isWelcome = false;
      },
      message: (from, message) => {
        const [first] = JSON.parse(String(message)) as { readonly type: string; readonly name: string }[];
        if (first?.type !== "hello") return;
        if (inPlace !== null) {
          for (const text of inPlace) from.send(text);
          inPlace = null;
          from.close(1001, "");
          said.resolve();
          return;
        }
        from.send(JSON.stringify([welcome(first)]));
        isWelcome = true;
        linked.resolve();
      },
      close: (closed) => {
        if (socket !== closed) return;
        socket = null;
        if (isWelcome) linked = Promise.withResolvers();
        isWelcome = false;
        gone.resolve();
        gone = Promise.withResolvers();
      },
    },
  });

  const within = async (what: string, promise: Promise<void>) => {
    const late = Bun.sleep(linkLimitMs).then(() => "late");
    if ((await Promise.race([promise, late])) === "late")
      throw new Error(`no ${what} within ${linkLimitMs} ms`);
  };

  return {
    url: `http://127.0.0.1:${server.port}`,
    linked: () => within("link", linked.promise),
    say: async (messages, isFirst) => {
      await within("link", linked.promise);
      const ended = gone.promise;
      if (isFirst) {
        said = Promise.withResolvers();
        inPlace = messages;
      } else for (const text of messages) socket?.send(text);
      // A close is read after all that was sent before it.
      socket?.close(1001, "");
      await within("end of the link", ended);
      if (isFirst) await within("hello", said.promise);
    },
    stop: () => server.stop(true),
  };
}
