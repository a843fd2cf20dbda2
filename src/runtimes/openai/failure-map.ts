import type { Failure, RuntimeErrorKind } from "../../protocol/failure.ts";
import { redactText } from "../../protocol/redact-text.ts";
import type { Secret } from "../../protocol/secret.ts";
import type { ServerError } from "./server-error.ts";

const authWords = [
  "authentication_error",
  "permission_error",
  "invalid_api_key",
  "unauthorized",
  "forbidden",
];
const quotaWords = ["insufficient_quota", "quota_exceeded", "billing_error", "billing_hard_limit_reached"];
const overloadedWords = [
  "rate_limit_error",
  "rate_limit_exceeded",
  "overloaded_error",
  "overloaded",
  "server_overloaded",
  "gateway_unavailable",
  "timeout_error",
];
const badRequestWords = [
  "invalid_request_error",
  "context_length_exceeded",
  "model_not_found",
  "not_found_error",
  "content_filter",
];

const kindsByWords: readonly (readonly [readonly string[], RuntimeErrorKind])[] = [
  [quotaWords, "quota"],
  [authWords, "auth"],
  [overloadedWords, "overloaded"],
  [badRequestWords, "bad_request"],
];

function matchWords(words: readonly string[]): RuntimeErrorKind | null {
  return kindsByWords.find(([known]) => words.some((word) => known.includes(word)))?.[1] ?? null;
}

function matchStatus(status: number): RuntimeErrorKind {
  if (status === 401 || status === 403) return "auth";
  if (status === 402) return "quota";
  if (
    status === 408 ||
    status === 429 ||
    status === 502 ||
    status === 503 ||
    status === 504 ||
    status === 529
  )
    return "overloaded";
  return status < 500 ? "bad_request" : "internal";
}

/** Who answered. */
interface Asked {
  readonly location: string;
  /** Default: that of chat. */
  readonly path?: string;
}

/**
 * What an answer with another status than 2xx means. The words of the body refine the status only where the status
 * is ambiguous: 429 is also what a used-up account gets.
 */
export function matchStatusFailure(status: number, error: ServerError, asked: Asked): Failure {
  const byStatus = matchStatus(status);
  const isQuota = status === 429 && matchWords(error.words) === "quota";
  const kind = isQuota ? "quota" : byStatus;
  return {
    class: "runtime_error",
    kind,
    message: describeStatus(status, kind, error, asked),
    // The only refusal that surely comes before any work: the gateway is draining.
    ...(error.words.includes("gateway_unavailable") ? { nothing_done: true } : {}),
  };
}

function describeStatus(
  status: number,
  kind: RuntimeErrorKind,
  error: ServerError,
  { location, path = "/v1/chat/completions" }: Asked,
): string {
  const said = error.message === null ? "" : `: ${error.message}`;
  // Servers repeat the key, or a part of it, in what they say about it.
  if (kind === "auth") return `${location} refused the key (HTTP ${status})`;
  if (status === 404 && !error.words.includes("model_not_found") && error.message === null) {
    const key = path === "/v1/responses" ? "responses" : "chatCompletions";
    return `${location} has no ${path} (HTTP ${status}); on OpenClaw, set gateway.http.endpoints.${key}.enabled to true`;
  }
  if (status >= 300 && status < 400) {
    return `${location} redirects elsewhere (HTTP ${status}), which is not followed; give the final address`;
  }
  return `${location} answered HTTP ${status}${said}`;
}

/** What an error event inside a stream that began well means. What was done before it is unknown. */
export function matchStreamFailure(error: ServerError, location: string): Failure {
  const kind = matchWords(error.words) ?? (error.status === null ? "internal" : matchStatus(error.status));
  const said = kind === "auth" || error.message === null ? "" : `: ${error.message}`;
  const what = kind === "auth" ? "the provider refused its key" : "the answer broke off with an error";
  return { class: "runtime_error", kind, message: `${what} at ${location}${said}` };
}

/** What an answer without text means; the reason is the server's `finish_reason`. */
export function matchEmptyAnswer(finishReason: string | null, location: string): Failure {
  const isRefusal = finishReason === "content_filter" || finishReason === "tool_calls";
  return {
    class: "runtime_error",
    kind: isRefusal ? "bad_request" : "internal",
    message: `${location} ended its answer without any text (finish_reason ${finishReason ?? "none"})`,
  };
}

/** Characters of a failure message; what a server says beyond is cut. */
const maxMessageLength = 500;

/** Cuts the key, and what looks like one, out of a text that a server had a part in; one line, bounded. */
export function tidyMessage(text: string, secrets: readonly Secret[]): string {
  const oneLine = redactText(text, secrets)
    .replace(/[\p{Cc}\s]+/gu, " ")
    .trim();
  return oneLine.length <= maxMessageLength ? oneLine : `${oneLine.slice(0, maxMessageLength - 1)}…`;
}
