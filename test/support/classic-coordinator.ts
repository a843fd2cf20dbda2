/**
 * A coordinator as the classic tool runs it, as far as the wire goes: bare errors, strict bodies, ids of its own kind,
 * nothing of a link, and one message sent up to four times to the same node.
 */
import { createHash, randomBytes } from "node:crypto";

interface ClassicMember {
  readonly id: string;
  readonly name: string;
  readonly endpoint: string;
  readonly token: string;
  readonly capabilities: unknown;
  status: string;
}

export interface ClassicRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | null;
  readonly rawBody: string;
}

export interface ClassicCoordinator extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly requests: readonly ClassicRequest[];
  readonly members: () => readonly ClassicMember[];
  /** Forgets all nodes and their tokens, as its restart does. */
  readonly forget: () => void;
  /** Forwards as the classic tool: same id on every try, 100, 200 and 400 ms between, on network errors, 502 and 503. */
  readonly forward: (
    member: ClassicMember,
    content: string,
    options?: ForwardOptions,
  ) => Promise<{ readonly status: number; readonly body: unknown; readonly tries: number }>;
}

interface ForwardOptions {
  readonly id?: string;
  /** Of one try; the classic tool takes 180 s. */
  readonly timeoutMs?: number;
}

const hexId = (prefix: string) => `${prefix}-${randomBytes(8).toString("hex")}`;
const pausesMs = [100, 200, 400];

export function startClassicCoordinator(): ClassicCoordinator {
  const token = createHash("sha256").update("classic").digest("hex").slice(0, 32);
  const members = new Map<string, ClassicMember>();
  const requests: ClassicRequest[] = [];
  const error = (status: number, text: string) => Response.json({ error: text }, { status });
  const isStrict = (value: object, fields: readonly string[]) =>
    Object.keys(value).every((field) => fields.includes(field));

  const register = (rawBody: string): Response => {
    const body = JSON.parse(rawBody);
    const capabilityFields = ["os", "arch", "gpu", "memory_gb", "tags", "skills"];
    if (!isStrict(body, ["name", "endpoint", "capabilities"])) return error(400, "json: unknown field");
    if (!isStrict(body.capabilities ?? {}, capabilityFields)) return error(400, "json: unknown field");
    if (!body.name || !body.endpoint) return error(400, "name and endpoint are required");
    const member = { ...body, id: hexId("node"), token: randomBytes(16).toString("hex"), status: "online" };
    members.set(member.id, member);
    return Response.json({ node_id: member.id, token: member.token }, { status: 201 });
  };

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    development: false,
    fetch: async (request) => {
      const { pathname: path } = new URL(request.url);
      const { method } = request;
      const authorization = request.headers.get("authorization");
      const rawBody = await request.text();
      requests.push({ method, path, authorization, rawBody });
      if (method === "GET" && path === "/api/v1/nodes") {
        return Response.json([...members.values()].map(({ token: _, ...shown }) => shown));
      }
      if (method === "GET" && path === "/")
        return new Response("<html>", { headers: { "content-type": "text/html" } });
      const notFound = () => new Response("404 page not found\n", { status: 404 });
      if (method === "GET") return notFound();
      const given = authorization?.replace(/^Bearer /, "");
      const isMember = [...members.values()].some((member) => member.token === given);
      if (given !== token && !isMember) return error(401, "unauthorized");
      if (method === "POST" && path === "/api/v1/nodes/register") return register(rawBody);
      const [, id = "", action] = /^\/api\/v1\/nodes\/([^/]+)(\/heartbeat)?$/.exec(path) ?? [];
      const member = members.get(id);
      if (member === undefined) return id === "" ? notFound() : error(404, "node not found");
      if (method === "DELETE") {
        members.delete(id);
        return new Response(null, { status: 204 });
      }
      if (action === undefined) return notFound();
      const body = JSON.parse(rawBody);
      if (!isStrict(body, ["status"]) || !["online", "busy", "offline"].includes(body.status)) {
        return error(400, "bad status");
      }
      member.status = body.status;
      return new Response(null, { status: 204 });
    },
  });

  const tryOnce = async (member: ClassicMember, body: string, timeoutMs: number) => {
    try {
      const response = await fetch(`http://${member.endpoint}/api/v1/messages`, {
        method: "POST",
        headers: { authorization: `Bearer ${member.token}`, "content-type": "application/json" },
        body,
        signal: AbortSignal.timeout(timeoutMs),
      });
      return { status: response.status, body: await response.json() };
    } catch {
      return null;
    }
  };

  return {
    url: `http://127.0.0.1:${server.port}`,
    token,
    requests,
    members: () => [...members.values()],
    forget: () => members.clear(),
    forward: async (member, content, { id = hexId("msg"), timeoutMs = 180_000 } = {}) => {
      const createdAt = new Date().toISOString().replace("Z", "123456Z");
      const message = { id, content, source: "cli", target_node: member.id, created_at: createdAt };
      for (let tries = 1; ; tries += 1) {
        const answer = await tryOnce(member, JSON.stringify(message), timeoutMs);
        const mayTryAgain = answer === null || answer.status === 502 || answer.status === 503;
        if (answer !== null && !mayTryAgain) return { ...answer, tries };
        const pauseMs = pausesMs[tries - 1];
        if (pauseMs === undefined)
          return { status: answer?.status ?? 502, body: answer?.body ?? null, tries };
        await Bun.sleep(pauseMs);
      }
    },
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}
