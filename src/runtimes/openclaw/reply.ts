import {
  GatewayProtocolRequestError,
  GatewayProtocolRequestTimeoutError,
} from "@openclaw/gateway-client/browser";
import type { RequestError } from "./failure-map.ts";
import { ErrorDetails } from "./gateway-schemas.ts";

/** What became of a request. */
export type GatewayReply =
  | { readonly kind: "ok"; readonly payload: unknown }
  /** The gateway answered with an error; `payload` comes with the final answer of a failed run. */
  | { readonly kind: "error"; readonly error: RequestError; readonly payload: unknown }
  /** It never left this process. */
  | { readonly kind: "unsent" }
  /** It was written to the connection, and no answer came: the connection or the time was over first. */
  | { readonly kind: "lost" };

/** What a rejected request of the official client means. */
export function toErrorReply(thrown: unknown, isSent: boolean): GatewayReply {
  if (thrown instanceof GatewayProtocolRequestTimeoutError)
    return { kind: thrown.requestSent ? "lost" : "unsent" };
  if (!(thrown instanceof GatewayProtocolRequestError)) return { kind: isSent ? "lost" : "unsent" };
  const details = ErrorDetails.safeParse(thrown.details);
  const error: RequestError = {
    code: thrown.code,
    message: thrown.message,
    retryable: thrown.retryable,
    detailCode: (details.success ? details.data.code : undefined) ?? null,
    reason: (details.success ? details.data.reason : undefined) ?? null,
  };
  return { kind: "error", error, payload: "responsePayload" in thrown ? thrown.responsePayload : undefined };
}
