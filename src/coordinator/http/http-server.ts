import type { z } from "zod";
import type { LinkServer } from "../../link/link-server.ts";
import { errorCodeOf } from "../../platform/atomic-file.ts";
import { createSecret } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import { type ErrorCode, issueLines, MeshError } from "../../protocol/errors.ts";
import { type Contract, contract } from "../../protocol/http/contract.ts";
import type { HttpMethod, RouteContract } from "../../protocol/http/route.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import { anonymous, type Principal } from "../auth/principal.ts";
import { errorAnswer, jsonAnswer } from "./answers.ts";
import type { Call, Handler } from "./call.ts";
import { parseJson, readBody } from "./read-body.ts";

/** Seconds a connection may be silent while a request head or body is awaited; slow answers ask for more time. */
const idleTimeoutS = 10;

/** One handler for every route of the contract; the link is opened by the server itself. */
export type Handlers = {
  readonly [Operation in Exclude<keyof Contract, "openLink">]: Handler<Contract[Operation]>;
};

interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  readonly maxBodyBytes: number;
  readonly handlers: Handlers;
  readonly authenticator: Authenticator;
  readonly links: LinkServer<Principal>;
  /** Whether an invite may open a link; checked before the upgrade so that a used-up one gets a plain 401. */
  readonly isInviteOpen: (inviteHash: string) => Promise<boolean>;
  readonly log: Log;
}

export interface HttpServer {
  readonly port: number;
  /** Requests whose answers are not out yet; links do not count. */
  readonly pendingRequests: () => number;
  /** Takes no new connections; resolves when the last answer is out, or at once with `isForced`. */
  readonly stop: (isForced: boolean) => Promise<void>;
}

type Server = Bun.Server<unknown>;
type AnyHandler = (call: Call<RouteContract>) => unknown;

/** Serves the contract: every route is dispatched natively, authenticated, parsed and answered in one way. */
export function startHttpServer(options: HttpServerOptions): HttpServer {
  const { log, links } = options;
  // Ids of another start of the coordinator must not look like these in one log.
  const start = createSecret().slice(0, 6);
  let requests = 0;
  const nextRequestId = () => `req_${start}_${(requests++).toString(36)}`;

  async function serve(route: RouteContract, handler: AnyHandler, request: Bun.BunRequest, server: Server) {
    const requestId = nextRequestId();
    try {
      const principal = admit(route, request, options.authenticator);
      const params = parseParams(route, request.params);
      const query = parseQuery(route, request.url);
      const bodyText = route.body === undefined ? "" : await readBody(request, options.maxBodyBytes);
      const body =
        route.body === undefined
          ? undefined
          : parseWith(
              route.body,
              isAbsent(route, bodyText) ? {} : parseJson(bodyText),
              "BODY_INVALID",
              "body",
            );
      const answer = await handler({
        principal,
        params: params as never,
        query: query as never,
        body,
        bodyText,
        headers: request.headers,
        requestId,
        signal: request.signal,
        takeTime: () => {
          server.timeout(request, 0);
          return () => server.timeout(request, idleTimeoutS);
        },
      });
      if (answer instanceof Response) return answer;
      if (answer === undefined) return new Response(null, { status: route.status });
      return jsonAnswer(route.status, answer);
    } catch (error) {
      return errorAnswer(error, requestId, log);
    }
  }

  async function openLink(request: Bun.BunRequest, server: Server): Promise<Response | undefined> {
    const requestId = nextRequestId();
    try {
      const principal = admit(contract.openLink, request, options.authenticator);
      if (principal.inviteHash !== null && !(await options.isInviteOpen(principal.inviteHash))) {
        throw new MeshError("INVITE_INVALID", "This invite is unknown, used up or expired.");
      }
      const address = server.requestIP(request)?.address ?? "unknown";
      if (server.upgrade(request, { data: links.dataFor(principal, address) })) return undefined;
      throw new MeshError("UPGRADE_REQUIRED", "This path is a WebSocket.");
    } catch (error) {
      return errorAnswer(error, requestId, log, { upgrade: "websocket" });
    }
  }

  const methodsOf = new Map<string, HttpMethod[]>();
  const routes: Record<
    string,
    Partial<Record<HttpMethod, (request: Bun.BunRequest, server: Server) => unknown>>
  > = {};
  for (const [operation, route] of Object.entries(contract)) {
    const path = route.path.replace(/\{(\w+)\}/g, ":$1");
    const handler =
      operation === "openLink"
        ? openLink
        : (request: Bun.BunRequest, server: Server) =>
            serve(route, options.handlers[operation as keyof Handlers] as AnyHandler, request, server);
    routes[path] = { ...routes[path], [route.method]: handler };
    methodsOf.set(path, [...(methodsOf.get(path) ?? []), route.method]);
  }

  function unknown(request: Request): Response {
    const requestId = nextRequestId();
    const path = pathOf(request.url);
    const methods = [...methodsOf].find(([pattern]) => matchesPath(pattern, path))?.[1];
    if (methods === undefined) {
      return errorAnswer(new MeshError("ROUTE_NOT_FOUND", `There is nothing at ${path}.`), requestId, log);
    }
    const error = new MeshError("METHOD_NOT_ALLOWED", `${path} does not take ${request.method}.`);
    return errorAnswer(error, requestId, log, { allow: methods.join(", ") });
  }

  const server = listen(options, () =>
    Bun.serve({
      hostname: options.host,
      port: options.port,
      idleTimeout: idleTimeoutS,
      // Longer bodies are refused by readBody, with a code; Bun's own refusal has no body.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      development: false,
      // Without it, `development: false` lets a second coordinator bind the same port.
      reusePort: false,
      routes: routes as never,
      fetch: unknown,
      error: (error) => errorAnswer(error, nextRequestId(), log),
      websocket: links.websocket as never,
    }),
  );

  return {
    port: server.port ?? options.port,
    pendingRequests: () => server.pendingRequests,
    stop: (isForced) => server.stop(isForced),
  };
}

function listen(options: HttpServerOptions, serve: () => Server): Server {
  try {
    return serve();
  } catch (cause) {
    const code = errorCodeOf(cause);
    if (code === "EADDRINUSE") {
      throw new MeshError("PORT_IN_USE", `Port ${options.port} is in use by another program.`, { cause });
    }
    const why = code ?? "unknown error";
    throw new MeshError("CANNOT_LISTEN", `Cannot listen on ${options.host}:${options.port} (${why}).`, {
      cause,
    });
  }
}

/** The caller, if one of the route's scopes is among his. */
function admit(route: RouteContract, request: Request, authenticator: Authenticator): Principal {
  if (route.scopes[0] === "none") return anonymous;
  const principal = authenticator.authenticate(request.headers.get("authorization"));
  if (route.scopes.some((scope) => principal.scopes.has(scope))) return principal;
  if (principal === anonymous) throw new MeshError("TOKEN_MISSING", "This route needs a token.");
  throw new MeshError(
    "SCOPE_MISSING",
    `This route needs a token with the scope ${route.scopes.join(" or ")}.`,
  );
}

function parseParams(route: RouteContract, params: Readonly<Record<string, string>>): unknown {
  return route.params === undefined ? undefined : parseWith(route.params, params, "QUERY_INVALID", "path");
}

function parseQuery(route: RouteContract, url: string): unknown {
  if (route.query === undefined) return undefined;
  const mark = url.indexOf("?");
  const pairs = [...new URLSearchParams(mark < 0 ? "" : url.slice(mark))];
  const query = Object.fromEntries(pairs);
  if (Object.keys(query).length < pairs.length) {
    // One of them would count and the others would not, without a word.
    throw new MeshError(
      "QUERY_INVALID",
      "The query names a parameter twice; several values are joined by commas.",
    );
  }
  return parseWith(route.query, query, "QUERY_INVALID", "query");
}

function isAbsent(route: RouteContract, bodyText: string): boolean {
  return route.isBodyOptional === true && bodyText === "";
}

function parseWith(schema: z.ZodType, value: unknown, code: ErrorCode, what: string): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = issueLines(parsed.error);
  throw new MeshError(code, `The ${what} does not fit: ${issues.slice(0, 3).join("; ")}.`, {
    details: { issues },
  });
}

/** The Host header is part of the URL and may be anything, so that `new URL` may throw. */
function pathOf(url: string): string {
  return /^[a-z]+:\/\/[^/?#]*([^?#]*)/i.exec(url)?.[1] ?? url;
}

function matchesPath(pattern: string, path: string): boolean {
  const wanted = pattern.split("/");
  const given = path.split("/");
  return (
    wanted.length === given.length && wanted.every((part, at) => part.startsWith(":") || part === given[at])
  );
}
