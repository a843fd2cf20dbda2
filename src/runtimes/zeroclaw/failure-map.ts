import { z } from "zod";
import type { Failure } from "../../protocol/failure.ts";
import type { Secret } from "../../protocol/secret.ts";
import type { RunOutcome } from "../runtime.ts";
import { tidyLine } from "../tidy-line.ts";
import type { GatewayReply } from "./gateway-api.ts";

/** Codes of error frames that tell of a frame of ours or of a procedure, not of the turn. */
const besideTheTurn = /^(?:STEERING_|SOP_|INVALID_APPROVAL_RESPONSE$)/;

/** Whether an error frame with this code ends the turn. */
export function endsTurn(code: string | null): boolean {
  return code === null || !besideTheTurn.test(code);
}

/** The turn was not begun: the same message may go elsewhere. */
const notBegun: Readonly<Record<string, string>> = {
  NEEDS_ONBOARDING: noModelMessage(),
  SESSION_QUEUE_FULL: "too many messages wait for the same ZeroClaw session",
  SESSION_QUEUE_TIMEOUT: "the ZeroClaw session was busy with another message for too long",
  SESSION_RESTORE_UNAVAILABLE: "ZeroClaw could not read the history of the session",
};

/** Frames that ZeroClaw could not use; nothing was done. */
const badFrames = ["INVALID_CWD", "INVALID_JSON", "EMPTY_CONTENT", "UNKNOWN_MESSAGE_TYPE"];

interface ChatError {
  readonly code: string | null;
  readonly message: string;
  /** The turn had shown something before. */
  readonly hasBegun: boolean;
}

/**
 * What an error frame of the WebSocket chat means. The codes decide; the text is only passed on. A turn that had begun may
 * have had effects, whatever failed and whatever the code says: nothing in ZeroClaw's protocol says that a tool is shown before
 * it is used.
 */
export function matchChatFailure({ code, message: said, hasBegun }: ChatError): Failure {
  const failure = matchCode(code, said);
  if (!hasBegun) return failure;
  const { nothing_done: _isNotBegun, ...begun } = failure;
  if (begun.class !== "refused") return begun;
  const message = `ZeroClaw ended in the middle of the turn: ${begun.message}`;
  return { class: "runtime_error", kind: "internal", message };
}

function matchCode(code: string | null, said: string): Failure {
  const reason = code !== null && Object.hasOwn(notBegun, code) ? notBegun[code] : undefined;
  if (reason !== undefined) return { class: "refused", message: reason };
  const message = `ZeroClaw ended with an error: ${said === "" ? (code ?? "no reason given") : said}`;
  if (badFrames.includes(code ?? "")) {
    return { class: "runtime_error", kind: "bad_request", message, nothing_done: true };
  }
  if (code === "AGENT_INIT_FAILED") {
    return { class: "runtime_error", kind: "internal", message, nothing_done: true };
  }
  return {
    class: "runtime_error",
    kind: code === "AUTH_ERROR" ? "auth" : "internal",
    message: code === "AUTH_ERROR" ? "the model provider refused ZeroClaw's key" : message,
  };
}

export function noModelMessage(): string {
  return "ZeroClaw is installed, but no model is configured: add [providers.models.…] and an agent that uses it to its config.toml";
}

/** A tool that nobody was there to allow, under the policy `fail`. */
export function toApprovalFailure(tool: string): Failure {
  return {
    class: "runtime_error",
    kind: "bad_request",
    message: `ZeroClaw's agent asked to use the tool "${tool}", which nobody could allow; add it to auto_approve of its risk profile, or let the node deny or allow such questions`,
  };
}

const NoModel = z.object({ error: z.literal("needs_quickstart") });

/** What an answer of the webhook other than 200 means. */
export function matchWebhookFailure({ status, body }: GatewayReply, location: string): Failure {
  const nothingDone = { class: "runtime_error", nothing_done: true } as const;
  switch (status) {
    case 400:
      return { ...nothingDone, kind: "bad_request", message: `${location} has no such agent` };
    case 401:
    case 403:
      return { ...nothingDone, kind: "auth", message: `${location} refused the token` };
    case 404:
    case 405:
      return { ...nothingDone, kind: "bad_request", message: `${location} has no /webhook (HTTP ${status})` };
    case 408:
      return { class: "timeout", message: timeoutMessage(location) };
    case 413:
      return { ...nothingDone, kind: "bad_request", message: tooLongMessage(location) };
    case 429:
      return { class: "refused", message: `${location} takes no more messages this minute` };
    case 503:
      if (NoModel.safeParse(body).success) return { class: "refused", message: noModelMessage() };
      return toStatusFailure(status, location);
    default:
      return toStatusFailure(status, location);
  }
}

/** Also what stands before ZeroClaw may have answered, long after the message went on. */
function toStatusFailure(status: number, location: string): Failure {
  return {
    class: "runtime_error",
    kind: "internal",
    message: `${location} answered HTTP ${status}; its log tells why`,
  };
}

/** Bytes of a request that ZeroClaw takes by HTTP; fixed there. */
export const maxWebhookBytes = 65_536;

export function tooLongMessage(location: string): string {
  return `the message is longer than the ${maxWebhookBytes} bytes that ${location} takes by its webhook; use its WebSocket chat (ZeroClaw 0.5 or later)`;
}

function timeoutMessage(location: string): string {
  return `${location} cut the answer off at its own limit; raise gateway.request_timeout_secs (30 unless set), or use its WebSocket chat`;
}

/** Other programs had a part in these texts: no token gets through, nor more than a line. */
export function tidyOutcome(outcome: RunOutcome, secrets: readonly Secret[]): RunOutcome {
  switch (outcome.kind) {
    case "failed": {
      const failure = { ...outcome.failure, message: tidyLine(outcome.failure.message, secrets) };
      return { kind: "failed", failure };
    }
    case "lost":
      return { ...outcome, reason: tidyLine(outcome.reason, secrets) };
    case "succeeded":
    case "cancelled":
      return outcome;
    default:
      return outcome satisfies never;
  }
}
