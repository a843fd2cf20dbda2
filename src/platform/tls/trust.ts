import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { MeshError } from "../../protocol/errors.ts";
import { readTextIfExists } from "../atomic-file.ts";
import type { HttpFetch } from "../http-fetch.ts";
import { isSelfSigned, namesOf, readCertificates, shortName } from "./pem.ts";

/** Whom a TLS connection has to come from. */
export interface Trust {
  /** Authorities (PEM), instead of the system's; null: the system's. */
  readonly ca: string | null;
  /** The name that the certificate must have, instead of that of the address; null: that of the address. */
  readonly serverName: string | null;
}

/** In every certificate that claw-mesh makes, so that it fits whatever address a coordinator is reached by. */
export const coordinatorName = "coordinator.claw-mesh.internal";

/** How the names of our own authorities begin. */
export const authorityName = "claw-mesh authority";

/** For `tls` of the platform's fetch and WebSocket. */
export function tlsOptions({ ca, serverName }: Trust): {
  readonly ca?: string;
  readonly serverName?: string;
} {
  return { ...(ca === null ? {} : { ca }), ...(serverName === null ? {} : { serverName }) };
}

/** A fetch that trusts as told, https only; null: as it does by itself. */
export function withTrust(fetch: HttpFetch, trust: Trust | null): HttpFetch {
  if (trust === null) return fetch;
  const tls = tlsOptions(trust);
  return (url, init) => fetch(url, { ...init, tls } as RequestInit);
}

/**
 * Trust in the authorities of a PEM text. An authority that claw-mesh made signs coordinators only, so that the name of
 * the address does not matter; with others it does. Null when the text holds no certificate.
 */
export function trustOfAuthorities(pem: string): Trust | null {
  const certificates = readCertificates(pem);
  if (certificates === null) return null;
  return { ca: pem, serverName: certificates.every(isOwnAuthority) ? coordinatorName : null };
}

/** @throws MeshError TLS_NOT_TRUSTED when the file cannot be read or holds no certificate */
export async function loadTrust(file: string): Promise<Trust> {
  let text: string | null = null;
  let cause: unknown;
  try {
    text = await readTextIfExists(file);
  } catch (error) {
    cause = error;
  }
  const trust = text === null ? null : trustOfAuthorities(text);
  if (trust !== null) return trust;
  const why = text === null ? "cannot be read" : "holds no certificate";
  throw new MeshError("TLS_NOT_TRUSTED", `the file of authorities ${file} ${why}`, {
    hint: "Give a PEM file with --ca, such as tls/ca.pem of the coordinator's data directory.",
    cause,
  });
}

/**
 * Trust of this machine in a certificate that its own coordinator serves: in the certificate itself, or the root behind
 * it, where they are there, else in the system's authorities; by a name of the certificate, as the address is loopback.
 */
export function trustOfServed(pem: string): Trust | null {
  const certificates = readCertificates(pem);
  if (certificates === null) return null;
  const root = certificates.find(isSelfSigned);
  return { ca: root === undefined ? null : root.toString(), serverName: nameToCall(certificates[0]) };
}

/** A name that the certificate fits: a DNS name where it has one. A wildcard is filled in. */
export function nameToCall(certificate: X509Certificate): string | null {
  const names = namesOf(certificate);
  const name = names.find((text) => isIP(text) === 0) ?? names[0];
  return name?.replace(/^\*\./, "coordinator.") ?? null;
}

/** Whether claw-mesh made it, to sign coordinators and nothing else. */
export function isOwnAuthority(certificate: X509Certificate): boolean {
  return certificate.ca && shortName(certificate.subject).startsWith(`${authorityName} `);
}
