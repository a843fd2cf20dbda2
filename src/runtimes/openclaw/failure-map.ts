import type { Failure, RuntimeErrorKind } from "../../protocol/failure.ts";
import { redactText } from "../../protocol/redact-text.ts";

/** OpenClaw's own names for why a model provider failed, as its events carry them, to ours. Others are `internal`. */
const kindOfReason: Readonly<Record<string, RuntimeErrorKind>> = {
  auth: "auth",
  auth_permanent: "auth",
  session_expired: "auth",
  billing: "quota",
  rate_limit: "overloaded",
  overloaded: "overloaded",
  timeout: "overloaded",
  server_error: "overloaded",
  format: "bad_request",
  context_overflow: "bad_request",
  model_not_found: "bad_request",
};

/** What was seen of a run besides its final answer. */
export interface RunObservations {
  /** `errorObservation.failoverReason` of its last error event. */
  readonly failoverReason: string | null;
  /** Proved by its events: every one was seen, and none showed a tool at work. */
  readonly hadNoEffect: boolean;
}

export const nothingObserved: RunObservations = { failoverReason: null, hadNoEffect: false };

/** A run that ended with an error of the model provider or of the gateway. */
export function matchRunFailure(message: string, observed: RunObservations): Failure {
  return {
    class: "runtime_error",
    kind: kindOf(observed.failoverReason),
    message: tidyMessage(message),
    ...(observed.hadNoEffect ? { nothing_done: true } : {}),
  };
}

/** The name is the gateway's: what every object has is none of ours. */
function kindOf(reason: string | null): RuntimeErrorKind {
  const isKnown = reason !== null && Object.hasOwn(kindOfReason, reason);
  return isKnown ? (kindOfReason[reason] ?? "internal") : "internal";
}

/** An error answer of the gateway to a request that started nothing. */
export interface RequestError {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly detailCode: string | null;
  readonly reason: string | null;
}

/** `agent` was refused before a run came into being. */
export function matchRequestFailure(error: RequestError): Failure {
  const message = tidyMessage(`the OpenClaw gateway refused the message: ${error.message}`);
  if (error.code === "FORBIDDEN" || error.code === "NOT_PAIRED") {
    return { class: "runtime_error", kind: "auth", message, nothing_done: true };
  }
  if (error.code === "INVALID_REQUEST") {
    return { class: "runtime_error", kind: "bad_request", message, nothing_done: true };
  }
  // Starting, stopping, or out of room: another node, or this one later.
  return { class: "refused", message };
}

const maxMessageLength = 1000;

/** One line of at most 1,000 characters without things that look like keys. */
export function tidyMessage(text: string): string {
  const oneLine = redactText(text)
    .replace(/[\p{Cc}\s]+/gu, " ")
    .trim();
  return oneLine.length <= maxMessageLength ? oneLine : `${oneLine.slice(0, maxMessageLength - 1)}…`;
}
