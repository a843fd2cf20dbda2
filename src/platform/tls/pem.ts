import { X509Certificate } from "node:crypto";

const block = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** The certificates of a PEM text in their order; null when there is none, or one that cannot be read. */
export function readCertificates(pem: string): readonly [X509Certificate, ...X509Certificate[]] | null {
  try {
    const [first, ...rest] = (pem.match(block) ?? []).map((text) => new X509Certificate(text));
    return first === undefined ? null : [first, ...rest];
  } catch {
    // Whatever the library calls it: the text between the lines is no certificate.
    return null;
  }
}

/** As PEM, with a line end. */
export function toPem(certificates: readonly X509Certificate[]): string {
  return certificates.map((certificate) => `${certificate.toString().trim()}\n`).join("");
}

/** Whether it was signed with its own key. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  return isSignedBy(certificate, certificate);
}

/** Names and signature; no dates. */
export function isSignedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

/** The names that clients may call it by: DNS names and addresses, as they are written in it. */
export function namesOf(certificate: X509Certificate): readonly string[] {
  return (certificate.subjectAltName ?? "")
    .split(/,\s*/)
    .map((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1] ?? "")
    .filter((name) => name !== "");
}

/** `CN`, else the whole name on one line. */
export function shortName(distinguishedName: string): string {
  const lines = distinguishedName.split("\n");
  const common = lines.find((line) => line.startsWith("CN="));
  return common === undefined ? lines.join(", ") : common.slice(3);
}
