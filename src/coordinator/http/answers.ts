import type { Log } from "../../platform/log.ts";
import { type ErrorBody, MeshError } from "../../protocol/errors.ts";

const jsonHeaders = {
  "content-type": "application/json; charset=utf-8",
  "x-content-type-options": "nosniff",
} as const;

export function jsonAnswer(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(JSON.stringify(value), { status, headers: { ...jsonHeaders, ...headers } });
}

/** Seconds after which a full or stopping coordinator is worth another try. */
const retryAfterS = 2;

/** What a client is told of an error: faults of our own are logged in full and shown without detail. */
export function toErrorBody(
  error: unknown,
  requestId: string,
  log: Log,
): { status: number; body: ErrorBody } {
  const known = error instanceof MeshError ? error : hidden(error, requestId, log);
  return {
    status: known.status,
    body: {
      error: known.message,
      code: known.code,
      hint: known.hint,
      request_id: requestId,
      ...(known.details === undefined ? {} : { details: { ...known.details } }),
    },
  };
}

export function errorAnswer(
  error: unknown,
  requestId: string,
  log: Log,
  headers: Record<string, string> = {},
): Response {
  const { status, body } = toErrorBody(error, requestId, log);
  const extra: Record<string, string> = { ...headers };
  if (status === 401) extra["www-authenticate"] = "Bearer";
  if (
    body.code === "QUEUE_FULL" ||
    body.code === "COORDINATOR_STOPPING" ||
    body.code === "STORE_UNAVAILABLE"
  ) {
    extra["retry-after"] = String(retryAfterS);
  }
  return jsonAnswer(status, body, extra);
}

function hidden(error: unknown, requestId: string, log: Log): MeshError {
  log.error("request failed", {
    request: requestId,
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  return new MeshError("INTERNAL", "The coordinator could not answer because of a fault of its own.");
}
