import type { RunOutcome } from "./runtime.ts";

/** Codes of a connection that was never made: the server has surely not seen the request. */
const notConnectedCodes = [
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ConnectionRefused",
  "FailedToOpenSocket",
];

/** Codes of a certificate that was not accepted: the request is sent only after it was. */
const certificateCode = /^(?:CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

function isNotConnected(code: string | null): boolean {
  return code !== null && (notConnectedCodes.includes(code) || certificateCode.test(code));
}

/** What a request that ended without an answer means; the code is that of the error, null when it has none. */
export function matchConnectionOutcome(code: string | null, location: string): RunOutcome {
  const said = code === null ? "" : ` (${code})`;
  if (isNotConnected(code)) {
    const message = `nothing answers at ${location}${said}`;
    return { kind: "failed", failure: { class: "refused", message } };
  }
  return {
    kind: "lost",
    started: true,
    fenced: false,
    reason: `the connection to ${location} was lost before the answer was complete${said}`,
  };
}
