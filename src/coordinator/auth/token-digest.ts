/** A SHA-256 in the form in which two are compared in constant time; made once for what is kept. */
export function toDigest(tokenHash: string): Uint8Array {
  return Buffer.from(tokenHash, "latin1");
}
