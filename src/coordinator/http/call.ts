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
  /** Aborted when the client went away. */
  readonly signal: AbortSignal;
  /**
   * The answer may take longer than the idle limit of a connection. @returns sets the limit again; call it when the answer
   * is known, or the connection stays open for as long as the client likes
   */
  readonly takeTime: () => () => void;
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
