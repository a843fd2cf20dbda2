import type { Log } from "../../platform/log.ts";
import { type ErrorBody, MeshError } from "../../protocol/errors.ts";
import { redactText, redactValue } from "../../protocol/redact-text.ts";
import { jsonHeaders } from "./response-headers.ts";

export function jsonAnswer(
  status: number,
  value: unknown,
  headers?: Readonly<Record<string, string>>,
): Response {
  const answer = new Response(JSON.stringify(value), { status, headers: jsonHeaders });
  for (const name in headers) answer.headers.set(name, headers[name] ?? "");
  return answer;
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
      error: redactText(known.message),
      code: known.code,
      hint: known.hint,
      request_id: requestId,
      ...(known.details === undefined ? {} : { details: toCleanDetails(known.details) }),
    },
  };
}

/** A decision is large, and made of names and of reasons that nodes have cleaned: it stays as it is. */
function toCleanDetails({
  decision,
  ...details
}: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const clean = redactValue(details) as Record<string, unknown>;
  return decision === undefined ? clean : { ...clean, decision };
}

export function errorAnswer(
  error: unknown,
  requestId: string,
  log: Log,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const { status, body } = toErrorBody(error, requestId, log);
  const extra: Record<string, string> = { ...headers };
  if (status === 401) extra["www-authenticate"] = "Bearer";
  const waitS = nextTryS(body);
  if (waitS !== null) extra["retry-after"] = String(waitS);
  return jsonAnswer(status, body, extra);
}

/** Seconds after which another try is worth it, for those errors that pass by themselves; null: for others. */
function nextTryS({ code, details }: ErrorBody): number | null {
  const said = details?.retry_after_s;
  if (typeof said === "number" && Number.isFinite(said)) return Math.max(1, Math.ceil(said));
  const passes =
    code === "QUEUE_FULL" ||
    code === "COORDINATOR_STOPPING" ||
    code === "STORE_UNAVAILABLE" ||
    code === "TOO_MANY_REQUESTS";
  return passes ? retryAfterS : null;
}

function hidden(error: unknown, requestId: string, log: Log): MeshError {
  log.error("request failed", {
    request: requestId,
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  return new MeshError("INTERNAL", "The coordinator could not answer because of a fault of its own.");
}
