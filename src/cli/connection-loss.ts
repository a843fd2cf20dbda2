import { errorCodeOf } from "../platform/atomic-file.ts";
import { MeshError } from "../protocol/errors.ts";

/** The way to the coordinator broke, or it stops or starts just now: worth another try. */
export function isConnectionLoss(error: unknown): boolean {
  return (
    error instanceof MeshError &&
    (error.code === "COORDINATOR_UNREACHABLE" || error.code === "COORDINATOR_STOPPING")
  );
}

/** Codes of failures before a request could be sent. */
const notSentCodes: readonly string[] = [
  "ConnectionRefused",
  "FailedToOpenSocket",
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
];

/** The request surely never reached the coordinator. */
export function isSurelyNotSent(error: unknown): boolean {
  if (!(error instanceof MeshError) || error.code !== "COORDINATOR_UNREACHABLE") return false;
  const code = errorCodeOf(error.cause);
  return code !== null && notSentCodes.includes(code);
}

/** Another try of the same request may go through: the way is broken, or somebody on it answered for the coordinator. */
export function mayPass(error: unknown): boolean {
  if (isConnectionLoss(error)) return true;
  if (!(error instanceof MeshError)) return false;
  return error.code === "STORE_UNAVAILABLE" || isGatewayStatus(foreignStatusOf(error));
}

/**
 * As {@link mayPass}, for a coordinator that has answered already: what now stands in the way was not there before, and
 * a limit that is reached now is not reached for ever.
 */
export function mayPassAgain(error: unknown): boolean {
  if (mayPass(error)) return true;
  if (!(error instanceof MeshError)) return false;
  return error.code === "PROXY_IN_THE_WAY" || error.code === "QUEUE_FULL" || foreignStatusOf(error) !== null;
}

/** The request may have done its work, although this is what came back. */
export function isUnsure(error: unknown): boolean {
  if (!(error instanceof MeshError)) return true;
  switch (error.code) {
    case "COORDINATOR_UNREACHABLE":
      return !isSurelyNotSent(error);
    case "COORDINATOR_STOPPING":
    case "STORE_UNAVAILABLE":
    case "INTERNAL":
      return true;
    default: {
      const status = foreignStatusOf(error);
      // An answer that cannot be read has no status here: it was one of success.
      if (status === null) return error.code === "NOT_A_COORDINATOR";
      return status < 300 || status >= 500;
    }
  }
}

/** Nothing about the message itself, only about this way or this right to ask for it. */
export function tellsNothingOfMessage(error: unknown): boolean {
  if (!(error instanceof MeshError) || foreignStatusOf(error) !== null) return true;
  return ["TOKEN_MISSING", "TOKEN_INVALID", "SCOPE_MISSING", "QUEUE_FULL", "NOT_A_COORDINATOR"].includes(
    error.code,
  );
}

/** The status of an answer that was not in the words of a coordinator; null: it was, or there was none. */
function foreignStatusOf({ details }: MeshError): number | null {
  return typeof details?.http_status === "number" ? details.http_status : null;
}

/** A gateway could not reach what is behind it, or lost it: 502 to 504, and what large providers have beside them. */
function isGatewayStatus(status: number | null): boolean {
  return status !== null && ((status >= 502 && status <= 504) || (status >= 520 && status <= 530));
}
