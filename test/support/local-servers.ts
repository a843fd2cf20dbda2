/** Servers on loopback as they are found on people's machines: OpenAI-compatible ones, and others on the same ports. */
export interface LocalServer extends AsyncDisposable {
  readonly port: number;
  /** Requests in their order, `METHOD path`, with the Authorization header where there was one. */
  readonly seen: readonly string[];
}

/** Answers by path: a body is sent as JSON, a function decides by itself; other paths are 404. */
export type Routes = Readonly<Record<string, object | ((request: Request) => Response | Promise<Response>)>>;

export function serveRoutes(routes: Routes, otherwise?: (request: Request) => Response): LocalServer {
  const seen: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 30,
    fetch: (request) => {
      const { pathname } = new URL(request.url);
      const authorization = request.headers.get("authorization");
      seen.push(`${request.method} ${pathname}${authorization === null ? "" : ` ${authorization}`}`);
      const route = routes[pathname];
      if (typeof route === "function") return route(request);
      if (route !== undefined) return Response.json(route);
      return otherwise?.(request) ?? new Response("Not Found", { status: 404 });
    },
  });
  return {
    port: server.port ?? 0,
    seen,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

const models = (owner: string, ...ids: readonly string[]) => ({
  object: "list",
  data: ids.map((id) => ({ id, object: "model", created: 1, owned_by: owner })),
});

/** As the products answer; versions are those whose sources or documentation were read. */
export const productRoutes = {
  /** 0.12: `/api/version` is its own. */
  ollama: { "/v1/models": models("library", "qwen3:8b"), "/api/version": { version: "0.12.3" } },
  /** 0.3: one owner for all; unknown paths are 200 with an error. */
  lmStudio: { "/v1/models": models("organization_owner", "text-embedding-nomic", "qwen/qwen3-4b") },
  /** 0.11. */
  vllm: { "/v1/models": models("vllm", "Qwen/Qwen3-8B"), "/version": { version: "0.11.0" } },
  /** Build 6000. */
  llamaCpp: { "/v1/models": models("llamacpp", "model.gguf"), "/props": { build_info: "b6000-abc1234" } },
  /** 0.3.0: one model, its own name as the owner. */
  nanobot: { "/v1/models": models("nanobot", "nanobot"), "/health": { status: "ok" } },
  /** A server without any sign of its own. */
  plain: { "/v1/models": models("me", "my-model") },
} as const satisfies Readonly<Record<string, Routes>>;

/** Hermes Agent 0.19: everything but `/health` asks for the key. */
export function hermesRoutes(key: string, features: object = {}): Routes {
  const locked = (body: object) => (request: Request) =>
    request.headers.get("authorization") === `Bearer ${key}`
      ? Response.json(body)
      : Response.json(
          { error: { message: "Invalid API key", type: "invalid_request_error" } },
          { status: 401 },
        );
  return {
    "/health": { status: "ok", platform: "hermes-agent", version: "0.19.2" },
    "/v1/models": locked(models("hermes", "hermes-agent")),
    "/v1/capabilities": locked({
      object: "hermes.api_server.capabilities",
      platform: "hermes-agent",
      features: { responses_api: true, responses_streaming: true, ...features },
    }),
  };
}
