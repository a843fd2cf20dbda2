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
