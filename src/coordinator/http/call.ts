import type { z } from "zod";
import type { RouteContract } from "../../protocol/http/route.ts";
import type { Principal } from "../auth/principal.ts";

type Parsed<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;
type Answered<Schema> = Schema extends z.ZodType ? z.input<Schema> : undefined;

/** One request, authenticated, with everything parsed by the schemas of its contract. */
export interface Call<Route extends RouteContract> {
  readonly principal: Principal;
  readonly params: Parsed<Route["params"]>;
  readonly query: Parsed<Route["query"]>;
  readonly body: Parsed<Route["body"]>;
  /** The body as it was sent; empty without one. */
  readonly bodyText: string;
  readonly headers: Headers;
  readonly requestId: string;
  /** Remote address, of the proxy when there is one between. Known of every call: who has left before is not heard. */
  readonly address: () => string;
  /** Sends the answer with this `Set-Cookie` header. */
  readonly setCookie: (cookie: string) => void;
  /** Tells the audit who calls, where the route asks for no token. */
  readonly nameCaller: (principal: Principal) => void;
  /** Tells the audit to what it was done, where the answer does not say: names are given again, ids are not. */
  readonly nameTarget: (target: AuditedTarget) => void;
  /** Aborted when the client went away. */
  readonly signal: AbortSignal;
  /**
   * The answer may take longer than the idle limit of a connection. @returns sets the limit again; call it when the answer
   * is known, or the connection stays open for as long as the client likes
   */
  readonly takeTime: () => () => void;
}

export interface AuditedTarget {
  readonly id: string;
  readonly name: string;
}

/** Does what may take longer than a connection may be silent. */
export async function takingTime<Result>(
  call: Pick<Call<RouteContract>, "takeTime">,
  work: () => Promise<Result>,
): Promise<Result> {
  const endTime = call.takeTime();
  try {
    return await work();
  } finally {
    endTime();
  }
}

/** Gives the value of the contract's answer schema, or a whole Response where headers or streams are wanted. */
export type Handler<Route extends RouteContract> = (
  call: Call<Route>,
) => Promise<Answered<Route["answer"]> | Response> | Answered<Route["answer"]> | Response;

/** One call of a route that is audited: what came of it, whoever tried. */
export interface AuditedCall {
  readonly route: RouteContract;
  /** `anonymous` when the call showed nothing that is good. */
  readonly principal: Principal;
  readonly address: string;
  /** Parsed path parameters and body; undefined when it did not come so far. */
  readonly params: unknown;
  readonly body: unknown;
  /** What the handler gave; undefined for a refused call, and for answers without a body. */
  readonly answer: unknown;
  /** `ok`, or the code of the error. */
  readonly result: string;
}

/** Records a call before it is answered; a rejection becomes the answer. */
export type RouteAudit = (call: AuditedCall) => Promise<void>;
