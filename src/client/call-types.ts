import type { z } from "zod";
import type { RouteContract } from "../protocol/http/route.ts";

type Part<Name extends string, Schema> = Schema extends z.ZodType
  ? Record<string, never> extends z.input<Schema>
    ? { readonly [Key in Name]?: z.input<Schema> }
    : { readonly [Key in Name]: z.input<Schema> }
  : { readonly [Key in Name]?: undefined };

/** What a route takes: exactly the parts that its contract has. */
export type CallInput<Route extends RouteContract> = Part<"params", Route["params"]> &
  Part<"query", Route["query"]> &
  Part<"body", Route["body"]>;

/** What a route answers; `undefined` for those without a body. */
export type AnswerOf<Route extends RouteContract> = Route["answer"] extends z.ZodType
  ? z.output<Route["answer"]>
  : undefined;

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  /** null: no limit but the signal. */
  readonly timeoutMs?: number | null;
}
