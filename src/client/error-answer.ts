import { z } from "zod";
import { ErrorCode, MeshError } from "../protocol/errors.ts";
import { hideUserInfo } from "../protocol/hide-user-info.ts";
import { parseJsonText } from "../protocol/json-text.ts";
import { hintOfSchemes, toTlsError } from "./tls-problem.ts";

/** What is known of an exchange when its answer has to be explained. */
export interface Exchange {
  readonly baseUrl: string;
  /** The proxy the request went through, or null when it went straight. */
  readonly proxyUrl: string | null;
}

/** Our error body, read leniently: a newer coordinator may have codes that this version lacks. */
const LooseErrorBody = z.object({
  error: z.string(),
  code: z.string().optional(),
  hint: z.string().optional(),
  request_id: z.string().optional(),
  details: z.record(z.string(), z.unknown()).optional(),
});

/** The error that an answer with an error status means. */
export function toMeshError(response: Response, body: string, exchange: Exchange): MeshError {
  const parsed = LooseErrorBody.safeParse(parseJson(body));
  if (!parsed.success) return toForeignError(response, exchange);
  return fromErrorBody(parsed.data, response.status);
}

/** As {@link toMeshError} for the `error` event of a stream, which has no status of its own. */
export function fromErrorBody(
  body: {
    readonly error: string;
    readonly code?: string | undefined;
    readonly hint?: string | undefined;
    readonly request_id?: string | undefined;
    readonly details?: Readonly<Record<string, unknown>> | undefined;
  },
  status: number | null,
): MeshError {
  const code = ErrorCode.safeParse(body.code);
  return new MeshError(code.success ? code.data : codeForStatus(status), body.error, {
    ...(body.hint === undefined ? {} : { hint: body.hint }),
    details: {
      ...body.details,
      ...(body.request_id === undefined ? {} : { request_id: body.request_id }),
      ...(code.success || body.code === undefined ? {} : { unknown_code: body.code }),
      ...(code.success || status === null ? {} : { http_status: status }),
    },
  });
}

/** Something answered, but not in our words: a proxy, or another server. Its status is the detail `http_status`. */
export function toForeignError(response: Response, exchange: Exchange): MeshError {
  const details = { http_status: response.status };
  const what = `${response.status}${response.statusText === "" ? "" : ` ${response.statusText}`}`;
  if (isFromProxy(response, exchange)) {
    const by = exchange.proxyUrl === null ? "a proxy" : `the proxy ${hideUserInfo(exchange.proxyUrl)}`;
    return new MeshError("PROXY_IN_THE_WAY", `${by} answered ${what} instead of ${exchange.baseUrl}`, {
      details,
    });
  }
  return new MeshError(
    "NOT_A_COORDINATOR",
    `${exchange.baseUrl} answered ${what} (${contentTypeOf(response)}), but not as a claw-mesh coordinator`,
    { details },
  );
}

export function toUnreachableError(cause: unknown, exchange: Exchange): MeshError {
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : null;
  const tlsError = code === null ? null : toTlsError(code, exchange.baseUrl, cause);
  if (tlsError !== null) return tlsError;
  const hint = hintOfSchemes(code, exchange.baseUrl);
  const through = exchange.proxyUrl === null ? "" : ` through the proxy ${hideUserInfo(exchange.proxyUrl)}`;
  return new MeshError(
    "COORDINATOR_UNREACHABLE",
    `cannot reach the coordinator at ${exchange.baseUrl}${through}${code === null ? "" : ` (${code})`}`,
    { ...(hint === null ? {} : { hint }), cause },
  );
}

export function parseJson(text: string): unknown {
  try {
    return parseJsonText(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isFromProxy(response: Response, exchange: Exchange): boolean {
  if (response.status === 407 || response.headers.has("proxy-authenticate")) return true;
  if (response.status < 400) return false;
  return (
    exchange.proxyUrl !== null || response.headers.has("via") || response.headers.has("proxy-connection")
  );
}

function codeForStatus(status: number | null): ErrorCode {
  switch (status) {
    case 400:
      return "BODY_INVALID";
    case 401:
      return "TOKEN_INVALID";
    case 403:
      return "SCOPE_MISSING";
    case 404:
      return "ROUTE_NOT_FOUND";
    case 503:
      return "MESSAGE_REFUSED";
    default:
      return "RUNTIME_FAILED";
  }
}

function contentTypeOf(response: Response): string {
  return response.headers.get("content-type")?.split(";")[0] ?? "no content type";
}
