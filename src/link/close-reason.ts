import { ErrorCode } from "../protocol/errors.ts";

/** WebSocket's own code for a fault of the end that closes; with the reason `INTERNAL`. */
export const faultCloseCode = 1011;

/** Bytes of a close reason at most, by the WebSocket protocol. */
const maxCloseReasonBytes = 123;

/** A reason that fits into a close frame; a longer one is cut, never within a character. */
export function toCloseReason(reason: string): string {
  const bytes = Buffer.from(reason);
  if (bytes.length <= maxCloseReasonBytes) return reason;
  return new TextDecoder().decode(bytes.subarray(0, maxCloseReasonBytes)).replace(/\uFFFD+$/, "");
}

/** What a close reason says: a code of the catalogue, alone or before a colon and a sentence. */
export function readCloseReason(reason: string): {
  readonly code: ErrorCode | null;
  /** Empty when there is no sentence. */
  readonly message: string;
} {
  const colon = reason.indexOf(":");
  const code = ErrorCode.safeParse(colon < 0 ? reason : reason.slice(0, colon));
  if (!code.success) return { code: null, message: reason };
  return { code: code.data, message: colon < 0 ? "" : reason.slice(colon + 1).trim() };
}
