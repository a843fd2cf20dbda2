/**
 * A node as the classic tool runs it, as far as the wire goes: what it sends, what it serves, what it refuses. It does
 * not know anything that came later.
 */

export interface ReceivedMessage {
  readonly authorization: string | null;
  readonly contentType: string | null;
  /** As it was on the wire. */
  readonly rawBody: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What its gateway does with a message. */
export type ClassicGateway = (
  content: string,
  message: ReceivedMessage,
) => string | Response | Promise<string | Response>;

export interface ClassicNodeOptions {
  /** `http://127.0.0.1:port` of the coordinator. */
  readonly coordinatorUrl: string;
  readonly bearer: string;
  readonly name?: string;
  /** Default: answers `classic: <content>`. */
  readonly gateway?: ClassicGateway;
  readonly port?: number;
  /** In place of its own address. */
  readonly endpoint?: string;
}

export interface ClassicNode extends AsyncDisposable {
  readonly nodeId: string;
  readonly token: string;
  readonly port: number;
  readonly endpoint: string;
  readonly received: readonly ReceivedMessage[];
  readonly probes: () => number;
  readonly beat: (status?: "online" | "busy" | "offline", token?: string) => Promise<Response>;
  readonly deregister: () => Promise<Response>;
  /** As its process killed: nobody listens there any more, and what was open breaks. */
  readonly kill: () => Promise<void>;
}

export const noGateway: ClassicGateway = (content) =>
  `[claw-mesh] Gateway not available. Message: ${content}`;
export const failingGateway: ClassicGateway = (content) =>
  `[claw-mesh] Gateway error (echo fallback). Message: ${content}`;

const knownFields = ["id", "content", "source", "target_node", "created_at"];

/** Registers as `{name, endpoint, capabilities}` and with no other header than Go's client sends. */
export async function registerClassic(
  coordinatorUrl: string,
  bearer: string,
  parts: Readonly<Record<string, unknown>>,
): Promise<Response> {
  return fetch(`${coordinatorUrl}/api/v1/nodes/register`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${bearer}`,
      "content-type": "application/json",
      "user-agent": "Go-http-client/1.1",
    },
    body: JSON.stringify({
      capabilities: { os: "linux", arch: "amd64", gpu: false, memory_gb: 8, tags: null, skills: null },
      ...parts,
    }),
  });
}

export async function startClassicNode(options: ClassicNodeOptions): Promise<ClassicNode> {
  const gateway = options.gateway ?? ((content) => `classic: ${content}`);
  const received: ReceivedMessage[] = [];
  let probes = 0;
  let token = "";
  const error = (status: number, text: string) => Response.json({ error: text }, { status });

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: options.port ?? 0,
    idleTimeout: 0,
    development: false,
    fetch: async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/healthz") {
        probes += 1;
        return Response.json({ status: "ok" });
      }
      if (pathname !== "/api/v1/messages" || request.method !== "POST") return error(404, "not found");
      const authorization = request.headers.get("authorization");
      const rawBody = await request.text();
      if (authorization !== `Bearer ${token}`) return error(401, "unauthorized");
      const body: Record<string, unknown> = JSON.parse(rawBody);
      const message = { authorization, contentType: request.headers.get("content-type"), rawBody, body };
      received.push(message);
      const unknown = Object.keys(body).find((field) => !knownFields.includes(field));
      if (unknown !== undefined) return error(400, `json: unknown field "${unknown}"`);
      const { id, content, created_at: createdAt } = body;
      if (typeof id !== "string" || id === "" || typeof content !== "string" || content === "") {
        return error(400, "id and content are required");
      }
      if (typeof createdAt !== "string" || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(createdAt)) {
        return error(400, "parsing time");
      }
      const answer = await gateway(content, message);
      if (answer instanceof Response) return answer;
      return Response.json({ message_id: id, node_id: "", response: answer });
    },
  });
  const port = server.port ?? 0;
  const endpoint = options.endpoint ?? `127.0.0.1:${port}`;
  const name = options.name ?? "old-mac";
  const answer = await registerClassic(options.coordinatorUrl, options.bearer, { name, endpoint });
  if (answer.status !== 201) {
    await server.stop(true);
    throw new Error(`not registered: ${answer.status} ${await answer.text()}`);
  }
  const registered = (await answer.json()) as { readonly node_id: string; readonly token: string };
  token = registered.token;
  const call = (method: string, path: string, bearer: string, body?: unknown) =>
    fetch(`${options.coordinatorUrl}/api/v1/nodes/${registered.node_id}${path}`, {
      method,
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  return {
    nodeId: registered.node_id,
    token: registered.token,
    port,
    endpoint,
    received,
    probes: () => probes,
    beat: (status = "online", bearer = token) => call("POST", "/heartbeat", bearer, { status }),
    deregister: () => call("DELETE", "", token),
    kill: () => server.stop(true),
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}
