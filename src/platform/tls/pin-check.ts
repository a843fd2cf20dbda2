import type { X509Certificate } from "node:crypto";
import { isSelfSigned, isSignedBy, namesOf, toPem } from "./pem.ts";
import { pinOf } from "./pin.ts";
import { coordinatorName, nameToCall, type Trust } from "./trust.ts";

/** What a served chain has to do with a pin. */
export type PinVerdict =
  /** The pinned key is that of the authority, or of a certificate that nobody else has signed: trust that, and no other. */
  | { readonly kind: "trusted"; readonly trust: Trust }
  /** The pinned key is that of a certificate from another authority: that one has to be trusted by other means, too. */
  | { readonly kind: "served" }
  | { readonly kind: "mismatch" };

/**
 * Judges a chain of which the handshake has shown that the server has the key of the first certificate. Authorities in it
 * count only where they have signed that one: anybody can send along a certificate that is not his.
 */
export function matchPin(
  [leaf, ...authorities]: readonly [X509Certificate, ...X509Certificate[]],
  pin: string,
): PinVerdict {
  if (pinOf(leaf) === pin) {
    if (!isSelfSigned(leaf)) return { kind: "served" };
    return { kind: "trusted", trust: { ca: toPem([leaf]), serverName: nameToCall(leaf) } };
  }
  const authority = authorities.find(
    (candidate) => pinOf(candidate) === pin && candidate.ca && isSignedBy(leaf, candidate),
  );
  if (authority === undefined) return { kind: "mismatch" };
  const serverName = namesOf(leaf).includes(coordinatorName) ? coordinatorName : null;
  return { kind: "trusted", trust: { ca: toPem([authority]), serverName } };
}
