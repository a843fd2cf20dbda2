import { createPrivateKey, createPublicKey, hash, randomBytes, type X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { authorityName } from "./trust.ts";

/** PEM of a certificate and of its key. */
export interface MadeCertificate {
  readonly certificate: string;
  readonly key: string;
}

const dayMs = 24 * 3600 * 1000;
const authorityLifeMs = 3650 * dayMs;
export const certificateLifeMs = 90 * dayMs;

/** Certificates begin so much earlier: the clocks of a mesh are not quite the same. */
const clockToleranceMs = 3600 * 1000;

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** The package takes a fifth of a second to load, so only those wait for it who make certificates. */
async function loadMaker() {
  await import("reflect-metadata");
  return import("@peculiar/x509");
}

/**
 * A certificate authority of ten years that signs servers only. Its name follows from its key, so that one that was made
 * again for the same key is the same authority.
 * @param key PKCS#8 (PEM)
 */
export async function makeAuthority(key: string, nowMs: number): Promise<string> {
  const x509 = await loadMaker();
  const keys = await importKeys(key);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `O=claw-mesh, CN=${authorityName} ${keys.fingerprint}`,
    notBefore: new Date(nowMs - clockToleranceMs),
    notAfter: new Date(nowMs + authorityLifeMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return `${certificate.toString("pem")}\n`;
}

/** A server's certificate of 90 days for these names, signed by the authority, with a key of its own. */
export async function makeCertificate(
  authority: MadeCertificate,
  names: readonly string[],
  nowMs: number,
): Promise<MadeCertificate> {
  const x509 = await loadMaker();
  const issuer = new x509.X509Certificate(authority.certificate);
  const issuerKeys = await importKeys(authority.key);
  const key = await makeKey();
  const { publicKey } = await importKeys(key);
  const endsAtMs = Math.min(nowMs + certificateLifeMs, issuer.notAfter.getTime());
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: "O=claw-mesh, CN=claw-mesh coordinator",
    issuer: issuer.subject,
    notBefore: new Date(nowMs - clockToleranceMs),
    notAfter: new Date(endsAtMs),
    signingAlgorithm: algorithm,
    publicKey,
    signingKey: issuerKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const), value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuerKeys.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, key };
}

/** A new private key as PKCS#8 (PEM). */
export async function makeKey(): Promise<string> {
  const { privateKey } = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const text = Buffer.from(await crypto.subtle.exportKey("pkcs8", privateKey)).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${text.replaceAll(/(.{64})(?=.)/g, "$1\n")}\n-----END PRIVATE KEY-----\n`;
}

/** Whether the key (PEM) is that of the certificate; false for a text that is no key. */
export function belongTogether(certificate: X509Certificate, key: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    // Not a key, or one with a password: the caller says what is wrong with the file.
    return false;
  }
}

async function importKeys(key: string) {
  const privateKey = createPrivateKey(key);
  const publicDer = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  const privateDer = privateKey.export({ type: "pkcs8", format: "der" });
  return {
    privateKey: await crypto.subtle.importKey("pkcs8", new Uint8Array(privateDer), algorithm, true, ["sign"]),
    publicKey: await crypto.subtle.importKey("spki", new Uint8Array(publicDer), algorithm, true, ["verify"]),
    fingerprint: hash("sha256", publicDer, "base64url").slice(0, 8),
  };
}

/** Positive, and 64 bits of chance. */
function serialNumber(): string {
  return `01${randomBytes(8).toString("hex")}`;
}
