import { hash, type X509Certificate } from "node:crypto";

/** A pin as invites carry it: 43 characters of base64url. */
const pinPattern = /^[A-Za-z0-9_-]{43}$/;

/** SHA-256 of the public key (SubjectPublicKeyInfo), so that a renewed certificate of the same key keeps it. */
export function pinOf(certificate: X509Certificate): string {
  return hash("sha256", certificate.publicKey.export({ type: "spki", format: "der" }), "base64url");
}

/** What is before the dot goes to the coordinator; what is behind it never leaves the node. */
export function splitPinnedCode(text: string): { readonly code: string; readonly pin: string | null } {
  const dot = text.lastIndexOf(".");
  if (dot < 0) return { code: text, pin: null };
  return { code: text.slice(0, dot), pin: text.slice(dot + 1) };
}

export function isPin(text: string): boolean {
  return pinPattern.test(text);
}
