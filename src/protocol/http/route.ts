import type { z } from "zod";
import type { ErrorCode } from "../errors.ts";

export const apiPrefix = "/api/v1";

/** What a token may do. admin ⊃ operate ⊃ read, admin ⊃ send; `node` opens that node's own routes only. */
export type Scope = "none" | "read" | "send" | "operate" | "admin" | "metrics" | "node" | "invite";

export type HttpMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/**
 * One route of the HTTP API as data: the server dispatches by it, the client calls by it and the OpenAPI document is
 * made of it. `scopes`: any of them opens the route.
 */
export interface RouteContract<
  Params extends z.ZodObject | undefined = z.ZodObject | undefined,
  Query extends z.ZodObject | undefined = z.ZodObject | undefined,
  Body extends z.ZodType | undefined = z.ZodType | undefined,
  Answer extends z.ZodType | undefined = z.ZodType | undefined,
> {
  readonly operationId: string;
  readonly method: HttpMethod;
  /** With `{name}` for path parameters. */
  readonly path: string;
  readonly summary: string;
  readonly tag: "messages" | "tasks" | "nodes" | "rules" | "groups" | "access" | "service" | "link" | "seed";
  readonly scopes: readonly Scope[];
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Bytes of the body, where less than the server's own limit is enough for any that is meant well. */
  readonly maxBodyBytes?: number;
  /** A request without a body counts as `{}`. */
  readonly isBodyOptional?: true;
  /** Submits a message: takes an `Idempotency-Key`. */
  readonly takesKey?: true;
  /** Name of the action in the audit. Every route that changes anything but the sender's own messages has one. */
  readonly audits?: string;
  /**
   * Meant for browsers, which are held to names and pages of the coordinator's own: `page` loads without a login,
   * `session` makes and ends one, `socket` is a WebSocket and may be opened by a page.
   */
  readonly browsers?: "page" | "session" | "socket";
  readonly status: number;
  /** Media type of an answer that is not JSON. */
  readonly mediaType?: string;
  /** undefined: no body. */
  readonly answer: Answer;
  /** Answers with `text/event-stream` when the client accepts that. */
  readonly streams?: true;
  /** Errors beside those every route may give. */
  readonly errors: readonly ErrorCode[];
}

/** Gives the compiler the exact type of a contract; changes nothing. */
export function route<
  Params extends z.ZodObject | undefined = undefined,
  Query extends z.ZodObject | undefined = undefined,
  Body extends z.ZodType | undefined = undefined,
  Answer extends z.ZodType | undefined = undefined,
>(
  contract: Omit<RouteContract<Params, Query, Body, Answer>, "params" | "query" | "body" | "answer"> & {
    params?: Params;
    query?: Query;
    body?: Body;
    answer?: Answer;
  },
): RouteContract<Params, Query, Body, Answer> {
  return {
    ...contract,
    params: contract.params as Params,
    query: contract.query as Query,
    body: contract.body as Body,
    answer: contract.answer as Answer,
  };
}
