import { createSecret } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import { MeshError } from "../../protocol/errors.ts";
import { type Contract, contract } from "../../protocol/http/contract.ts";
import type { HttpMethod, RouteContract } from "../../protocol/http/route.ts";
import type { Caller } from "../auth/guess-guard.ts";
import { anonymous, assertNotRevoked, type Principal } from "../auth/principal.ts";
import { type Admission, assertScope, isOpenToAll } from "./admission.ts";
import { errorAnswer, jsonAnswer } from "./answers.ts";
import type { AuditedTarget, Call, Handler, RouteAudit } from "./call.ts";
import { unknownAddress } from "./client-key.ts";
import type { UpgradeLink } from "./link-upgrade.ts";
import type { OpenRequests } from "./open-requests.ts";
import { assertJsonType, parseBody, parseParams, parseQuery } from "./parse-call.ts";
import { readBody } from "./read-body.ts";
import { emptyHeaders, strictTransport } from "./response-headers.ts";

/** Seconds a connection may be silent while a request head or body is awaited; slow answers ask for more time. */
export const idleTimeoutS = 10;

/** Bytes of a body that somebody may send who has shown nothing yet. */
export const maxStrangerBodyBytes = 4096;

/** Characters of a path that an error repeats; no route of the contract is longer. */
const maxShownPath = 512;

/** One handler for every route of the contract; the link is opened by the server itself. */
export type Handlers = {
  readonly [Operation in Exclude<keyof Contract, "openLink">]: Handler<Contract[Operation]>;
};

export interface ContractRouteOptions {
  readonly maxBodyBytes: number;
  readonly handlers: Handlers;
  readonly admission: Admission;
  readonly openRequests: OpenRequests<Request>;
  readonly audit: RouteAudit;
  readonly upgradeLink: UpgradeLink;
  /** Whether anybody may still join with an invite. A wrong one counts as a guess. */
  readonly isInviteOpen: (inviteHash: string, from: Caller) => Promise<boolean>;
  readonly log: Log;
}

type Server = Bun.Server<unknown>;
type Serve = (request: Bun.BunRequest, server: Server) => Promise<Response | undefined>;
type AnyHandler = (call: Call<RouteContract>) => unknown;

/** What `Bun.serve` is given. */
export interface ContractRoutes {
  readonly routes: Readonly<Record<string, Partial<Record<HttpMethod, Serve>>>>;
  /** Answers whatever no route matches. */
  readonly unknown: (request: Request) => Response;
  /** Answers where an answer failed. */
  readonly failed: (error: unknown) => Response;
}

/** One request on its way to its handler, and how far it has come. */
interface Exchange {
  readonly request: Bun.BunRequest;
  readonly server: Server;
  readonly requestId: string;
  readonly address: () => string;
  principal: Principal;
  params: unknown;
  body: unknown;
  cookie: string | null;
  /** What the audit is told in place of an answer without a body. */
  target: AuditedTarget | undefined;
}

/** Serves the contract: every route is dispatched natively, authenticated, parsed and answered in one way. */
export function createContractRoutes(options: ContractRouteOptions): ContractRoutes {
  const { log, openRequests } = options;
  // Ids of another start of the coordinator must not look like these in one log.
  const start = createSecret().slice(0, 6);
  let requests = 0;
  const nextRequestId = () => `req_${start}_${(requests++).toString(36)}`;

  function createServe(route: RouteContract, handler: AnyHandler | null): Serve {
    return async (request, server) => {
      const requestId = nextRequestId();
      // Before anything is awaited: afterwards a client that leaves has none, and nobody could tell who has acted.
      const address = remoteAddress(server, request);
      if (address === unknownAddress) return errorAnswer(leftAlready(), requestId, log);
      const exchange: Exchange = {
        request,
        server,
        requestId,
        address: () => address,
        principal: anonymous,
        // As sent: the audit tells what a refused call was about.
        params: request.params,
        body: undefined,
        cookie: null,
        target: undefined,
      };
      let isOpen = false;
      try {
        openRequests.begin(request, (open) => remoteAddress(server, open));
        isOpen = true;
        const answer = await run(route, handler, exchange);
        if (route.audits !== undefined) {
          await record(route, exchange, { result: "ok", answer: answer ?? exchange.target });
        }
        return handler === null ? undefined : toAnswer(route, exchange, answer);
      } catch (error) {
        return await refuse(route, exchange, error);
      } finally {
        if (isOpen) openRequests.end(request);
      }
    };
  }

  async function run(route: RouteContract, handler: AnyHandler | null, exchange: Exchange): Promise<unknown> {
    const { request, server, address } = exchange;
    const { headers } = request;
    const principal = options.admission.identify(route, {
      headers,
      scheme: server.protocol ?? "http",
      address,
    });
    exchange.principal = principal;
    assertScope(route, principal);
    if (principal.inviteHash !== null) await assertInvited(principal.inviteHash, exchange);
    if (handler === null) return options.upgradeLink(request, server, { principal, address: address() });
    const params = parseParams(route, request.params);
    exchange.params = params;
    const query = parseQuery(route, request.url);
    const bodyText = route.body === undefined ? "" : await readBody(request, maxBytesOf(route));
    if (bodyText !== "" && (principal.isCookie || route.browsers !== undefined)) assertJsonType(headers);
    const body = parseBody(route, bodyText);
    exchange.body = body;
    // The body may have taken its time.
    assertNotRevoked(principal);
    return handler({
      principal,
      params: params as never,
      query: query as never,
      body,
      bodyText,
      headers,
      requestId: exchange.requestId,
      address,
      setCookie: (cookie) => {
        exchange.cookie = cookie;
      },
      nameCaller: (caller) => {
        exchange.principal = caller;
      },
      nameTarget: (target) => {
        exchange.target = target;
      },
      signal: request.signal,
      takeTime: () => {
        server.timeout(request, 0);
        return () => server.timeout(request, idleTimeoutS);
      },
    });
  }

  /** First of all: whoever made a code up has no body read, no name looked up, and learns of none that is taken. */
  async function assertInvited(inviteHash: string, { address, request }: Exchange): Promise<void> {
    const from = { address: address(), isByOtherName: options.admission.isByOtherName(request.headers) };
    if (await options.isInviteOpen(inviteHash, from)) return;
    throw new MeshError("INVITE_INVALID", "This invite is unknown, used up or expired.");
  }

  function maxBytesOf(route: RouteContract): number {
    const ofRoute = isOpenToAll(route) ? maxStrangerBodyBytes : route.maxBodyBytes;
    return Math.min(ofRoute ?? options.maxBodyBytes, options.maxBodyBytes);
  }

  function toAnswer(route: RouteContract, exchange: Exchange, value: unknown): Response {
    const answer = value instanceof Response ? value : toPlainAnswer(route, value);
    if (exchange.cookie !== null) answer.headers.append("set-cookie", exchange.cookie);
    if (route.browsers === "page") {
      const { headers } = exchange.request;
      const wantsTls = options.admission.wantsTls(route, { headers, scheme: schemeOf(exchange.server) });
      if (wantsTls) answer.headers.set("strict-transport-security", strictTransport);
    }
    return answer;
  }

  async function refuse(route: RouteContract, exchange: Exchange, error: unknown): Promise<Response> {
    if (route.audits !== undefined) {
      const result = error instanceof MeshError ? error.code : "INTERNAL";
      await record(route, exchange, { result, answer: undefined }).catch((cause: unknown) => {
        log.error("a refused call could not be recorded", { action: route.audits, error: String(cause) });
      });
    }
    const headers = route.browsers === "socket" ? { upgrade: "websocket" } : undefined;
    return errorAnswer(error, exchange.requestId, log, headers);
  }

  function record(
    route: RouteContract,
    { principal, address, params, body }: Exchange,
    end: { readonly result: string; readonly answer: unknown },
  ): Promise<void> {
    return options.audit({ route, principal, address: address(), params, body, ...end });
  }

  const methodsOf = new Map<string, HttpMethod[]>();
  const routes: Record<string, Partial<Record<HttpMethod, Serve>>> = {};
  for (const [operation, route] of Object.entries(contract)) {
    const path = route.path.replace(/\{(\w+)\}/g, ":$1");
    const handler =
      operation === "openLink" ? null : (options.handlers[operation as keyof Handlers] as AnyHandler);
    routes[path] = { ...routes[path], [route.method]: createServe(route, handler) };
    methodsOf.set(path, [...(methodsOf.get(path) ?? []), route.method]);
  }

  function unknown(request: Request): Response {
    const requestId = nextRequestId();
    try {
      options.admission.assertHost(request.headers);
    } catch (error) {
      return errorAnswer(error, requestId, log);
    }
    const path = pathOf(request.url).slice(0, maxShownPath);
    const methods = [...methodsOf].find(([pattern]) => matchesPath(pattern, path))?.[1];
    // The path was written in a way that only a URL makes equal to this one, such as with dots.
    const isOddlyWritten = methods?.some((method) => method === request.method) === true;
    if (methods === undefined || isOddlyWritten) {
      return errorAnswer(new MeshError("ROUTE_NOT_FOUND", `There is nothing at ${path}.`), requestId, log);
    }
    const error = new MeshError("METHOD_NOT_ALLOWED", `${path} does not take ${request.method}.`);
    return errorAnswer(error, requestId, log, { allow: methods.join(", ") });
  }

  return { routes, unknown, failed: (error) => errorAnswer(error, nextRequestId(), log) };
}

function toPlainAnswer(route: RouteContract, value: unknown): Response {
  if (value === undefined) return new Response(null, { status: route.status, headers: emptyHeaders });
  return jsonAnswer(route.status, value);
}

function schemeOf(server: Server): "http" | "https" {
  return server.protocol ?? "http";
}

/** {@link unknownAddress} when the client has left. */
function remoteAddress(server: Server, request: Request): string {
  return server.requestIP(request)?.address || unknownAddress;
}

/** Nobody waits for this answer. */
function leftAlready(): MeshError {
  return new MeshError("BODY_NOT_JSON", "The client left before its call was looked at.");
}

/** The Host header is part of the URL and may be anything, so that `new URL` may throw. */
function pathOf(url: string): string {
  return /^[a-z]+:\/\/[^/?#]*([^?#]*)/i.exec(url)?.[1] ?? url;
}

function matchesPath(pattern: string, path: string): boolean {
  const wanted = pattern.split("/");
  const given = path.split("/");
  return (
    wanted.length === given.length &&
    wanted.every((part, at) => (part.startsWith(":") ? given[at] !== "" : part === given[at]))
  );
}
