import type { RouteContract } from "../protocol/http/route.ts";
import type { Secret } from "../protocol/secret.ts";

/** Whether the answer is the stream that was asked for. */
export function isEventStream(
  response: Response,
): response is Response & { readonly body: ReadableStream<Uint8Array> } {
  const type = response.headers.get("content-type")?.split(";")[0]?.trim();
  return response.status === 200 && type === "text/event-stream" && response.body !== null;
}

/** Path and query of a call; parameters are escaped. */
export function pathOf(route: RouteContract, input: { params?: unknown; query?: unknown }): string {
  const params = (input.params ?? {}) as Readonly<Record<string, unknown>>;
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String(params[name])),
  );
  const query = Object.entries((input.query ?? {}) as Readonly<Record<string, unknown>>)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]): [string, string] => [key, String(value)]);
  return query.length === 0 ? path : `${path}?${new URLSearchParams(query).toString()}`;
}

export function headersOf(token: Secret | null, body: unknown): Record<string, string> {
  return {
    accept: "application/json",
    ...(token === null ? {} : { authorization: `Bearer ${token.reveal()}` }),
    ...(body === undefined ? {} : { "content-type": "application/json" }),
  };
}

/** @param timeoutMs null: no limit but the caller's signal */
export function signalOf(
  signal: AbortSignal | undefined,
  timeoutMs: number | null,
): { signal?: AbortSignal } {
  const signals = [
    ...(signal === undefined ? [] : [signal]),
    ...(timeoutMs === null ? [] : [AbortSignal.timeout(timeoutMs)]),
  ];
  return signals.length === 0 ? {} : { signal: AbortSignal.any(signals) };
}
