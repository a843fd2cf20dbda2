import { MeshError } from "../protocol/errors.ts";

/** Why a TLS connection was given up, before anything was sent. */
type TlsProblem = "unknown_authority" | "other_name" | "expired" | "not_yet_valid";

const nameCodes: ReadonlySet<string> = new Set(["ERR_TLS_CERT_ALTNAME_INVALID", "HOSTNAME_MISMATCH"]);

/** Codes of certificates that come from nobody who is trusted, as OpenSSL and its kin call them. */
const authorityCodes: ReadonlySet<string> = new Set([
  "CERT_CHAIN_TOO_LONG",
  "CERT_REJECTED",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "PATH_LENGTH_EXCEEDED",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** The error of a certificate that was refused; null when the code means something else. */
export function toTlsError(code: string, baseUrl: string, cause: unknown): MeshError | null {
  const problem = problemOf(code);
  if (problem === null) return null;
  const { what, hint } = texts[problem];
  return new MeshError("TLS_NOT_TRUSTED", `${baseUrl} ${what} (${code}); nothing was sent`, {
    ...(hint === null ? {} : { hint }),
    details: { problem },
    cause,
  });
}

/** What may help when a connection broke without an answer: one side with TLS, the other without. */
export function hintOfSchemes(code: string | null, baseUrl: string): string | null {
  if (baseUrl.startsWith("https:")) {
    const isNoTls = code === "EPROTO" || code?.startsWith("ERR_SSL_") === true;
    return isNoTls ? `This port may not speak TLS. Without it the address begins with http://` : null;
  }
  if (code !== "ECONNRESET") return null;
  return "The connection was closed without a word. If the coordinator uses TLS, its address begins with https://";
}

const texts = {
  unknown_authority: { what: "has a certificate of an unknown authority", hint: null },
  other_name: {
    what: "has a certificate for other names",
    hint: "Use a name of the certificate in the address, or join with an invite: its pin does without names.",
  },
  expired: {
    what: "has a certificate that has expired",
    hint: "Compare the clocks of both machines; a running coordinator renews a certificate of its own by itself.",
  },
  not_yet_valid: {
    what: "has a certificate that is not valid yet",
    hint: "Compare the clocks of both machines.",
  },
} as const satisfies Record<TlsProblem, { readonly what: string; readonly hint: string | null }>;

function problemOf(code: string): TlsProblem | null {
  if (code === "CERT_HAS_EXPIRED") return "expired";
  if (code === "CERT_NOT_YET_VALID") return "not_yet_valid";
  if (nameCodes.has(code)) return "other_name";
  return authorityCodes.has(code) ? "unknown_authority" : null;
}
