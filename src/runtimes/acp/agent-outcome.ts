import { RequestError } from "@agentclientprotocol/sdk";
import type { Failure, RuntimeErrorKind } from "../../protocol/failure.ts";
import type { RunOutcome } from "../runtime.ts";

/** The agent wants somebody to log in; some mean by it that they do not know a session. */
export const authRequiredCode = -32000;

/** What the end of a turn means that this side has not stopped. An answer that was cut off by a limit is an answer. */
export function matchStopReason(reason: string, text: string, location: string): RunOutcome {
  const fail = (kind: RuntimeErrorKind, message: string): RunOutcome => ({
    kind: "failed",
    failure: { class: "runtime_error", kind, message: `${location} ${message}` },
  });
  switch (reason) {
    case "refusal":
      return fail("bad_request", "refuses to go on with this message");
    case "cancelled":
      return fail("internal", "gave up its turn, which nobody had asked for");
    case "end_turn":
    case "max_tokens":
    case "max_turn_requests":
      if (text.trim() === "") return fail("internal", `ended its turn without any text (${reason})`);
      return { kind: "succeeded", text };
    default:
      return fail("internal", "ended its turn in a way that ACP does not have");
  }
}

/**
 * What an error that the agent answered with means; null: it has not answered.
 * @param wantsLogin whether the code for a login is to be believed where it was answered
 */
export function matchRequestError(
  error: unknown,
  { location, wantsLogin }: { readonly location: string; readonly wantsLogin: boolean },
): Failure | null {
  if (!(error instanceof RequestError)) return null;
  const kind = wantsLogin && error.code === authRequiredCode ? "auth" : matchErrorCode(error.code);
  if (kind === "auth") {
    return { class: "runtime_error", kind, message: `${location} wants somebody to log in first` };
  }
  const detail = toDetail(error.data);
  const said = detail === null ? error.message : `${error.message}: ${detail}`;
  return {
    class: "runtime_error",
    kind,
    message: `${location} answered with an error (${error.code}): ${said}`,
  };
}

/** JSON-RPC's own codes. */
function matchErrorCode(code: number): RuntimeErrorKind {
  return code === -32600 || code === -32601 || code === -32602 ? "bad_request" : "internal";
}

/** Agents say what happened in `details` or `message` of the data. */
function toDetail(data: unknown): string | null {
  if (typeof data === "string") return data;
  if (typeof data !== "object" || data === null) return null;
  if ("details" in data && typeof data.details === "string") return data.details;
  return "message" in data && typeof data.message === "string" ? data.message : null;
}
