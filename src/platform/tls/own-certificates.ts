import type { X509Certificate } from "node:crypto";
import { chmod } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { MeshError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";
import { errorCodeOf, readTextIfExists, writeFileAtomic } from "../atomic-file.ts";
import { type Clock, toIsoTime } from "../clock.ts";
import type { Log } from "../log.ts";
import { preparePrivateDir, privateFileMode, readPrivateText } from "../private-files.ts";
import {
  belongTogether,
  certificateLifeMs,
  type MadeCertificate,
  makeAuthority,
  makeCertificate,
  makeKey,
} from "./certificate-maker.ts";
import { isSignedBy, namesOf, readCertificates } from "./pem.ts";
import { pinOf } from "./pin.ts";
import { coordinatorName, type Trust } from "./trust.ts";

/** What a server shows, as PEM: its certificate with those above it, and its key. */
export interface ServedCertificate {
  readonly cert: string;
  readonly key: Secret;
}

/** The certificate of a coordinator with an authority of its own, as its files are now. */
export interface OwnCertificates {
  readonly served: ServedCertificate;
  readonly pin: string;
  /** How to trust it, wherever it is reached. */
  readonly trust: Trust;
  readonly endsAtMs: number;
}

export interface OwnCertificatesOptions {
  readonly dataDir: string;
  /** Names that the certificate has to have. */
  readonly names: readonly string[];
  /** The first look of a process, which speaks of an authority that ends soon; later ones do not repeat it. */
  readonly isStart: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** So long before its end the authority is spoken of at every start: its successor has to be carried to every node. */
const authorityWarningMs = 365 * 24 * 3600 * 1000;

/** The file that clients on this machine trust. */
export function authorityPath(dataDir: string): string {
  return join(dataDir, "tls", "ca.pem");
}

/**
 * Loads what is in `<data dir>/tls`, makes what is missing, and renews the certificate when a third of its life is left
 * or it lacks a name. Call again to renew. The authority is made once and never replaced: nodes know the mesh by it.
 * A key is on the disk before its certificate, so that after a crash in between the next call goes on from there.
 * @throws MeshError TLS_INVALID for files that do not belong together, FILE_UNSAFE, DATA_DIR_UNUSABLE
 */
export async function loadOwnCertificates(options: OwnCertificatesOptions): Promise<OwnCertificates> {
  const folder = join(options.dataDir, "tls");
  try {
    await preparePrivateDir(folder, { log: options.log, isOwn: true });
    const authority = await loadAuthority(folder, options);
    const { leaf, made } = await loadCertificate(folder, authority, options);
    return {
      served: { cert: made.certificate + authority.certificate, key: new Secret(made.key) },
      pin: pinOf(authority.parsed),
      trust: { ca: authority.certificate, serverName: coordinatorName },
      endsAtMs: leaf.validToDate.getTime(),
    };
  } catch (cause) {
    if (cause instanceof MeshError || errorCodeOf(cause) === null) throw cause;
    throw new MeshError("DATA_DIR_UNUSABLE", `cannot use ${folder} (${errorCodeOf(cause)})`, { cause });
  }
}

interface Authority extends MadeCertificate {
  readonly parsed: X509Certificate;
}

async function loadAuthority(folder: string, options: OwnCertificatesOptions): Promise<Authority> {
  const { clock, log } = options;
  const files = { certificate: join(folder, "ca.pem"), key: join(folder, "ca.key") };
  const stored = await readPair(files);
  if (stored.key === null) {
    const isKnown =
      stored.certificate !== null || (await readTextIfExists(join(folder, "cert.pem"))) !== null;
    // Whoever makes a new one here locks out every node that has pinned the old one.
    if (isKnown) throw lost(files.key);
  }
  const key = stored.key ?? (await makeKey());
  if (stored.key === null) await save(files.key, key);
  else if (!isKey(key)) throw damaged(files.key);
  const certificate = stored.certificate ?? (await makeAuthority(key, clock.nowMs()));
  if (stored.certificate === null) await save(files.certificate, certificate);
  const [parsed] = readCertificates(certificate) ?? [];
  if (parsed === undefined) throw damaged(files.certificate);
  if (!belongTogether(parsed, key)) throw mixed(files);
  if (stored.certificate === null) {
    log.info("made a certificate authority", { file: files.certificate, ends: toIsoTime(endOf(parsed)) });
  }
  watchEnd(parsed, files.certificate, options);
  return { certificate, key, parsed };
}

function watchEnd(
  authority: X509Certificate,
  file: string,
  { clock, isStart, log }: OwnCertificatesOptions,
): void {
  const endsAtMs = endOf(authority);
  const nowMs = clock.nowMs();
  if (endsAtMs <= nowMs) {
    throw new MeshError("TLS_INVALID", `the certificate authority ${file} ended on ${toIsoTime(endsAtMs)}`, {
      hint: "Move the folder tls away, start again, and let every node join anew: claw-mesh invite",
    });
  }
  if (!isStart || endsAtMs - nowMs > authorityWarningMs) return;
  log.warn("the certificate authority ends within a year; nodes then have to join anew", {
    file,
    ends: toIsoTime(endsAtMs),
  });
}

interface Loaded {
  readonly leaf: X509Certificate;
  readonly made: MadeCertificate;
}

async function loadCertificate(
  folder: string,
  authority: Authority,
  { names, clock, log }: OwnCertificatesOptions,
): Promise<Loaded> {
  const files = { certificate: join(folder, "cert.pem"), key: join(folder, "cert.key") };
  const { certificate, key } = await readPair(files);
  if (certificate !== null && key !== null) {
    const [leaf] = readCertificates(certificate) ?? [];
    if (leaf === undefined) throw damaged(files.certificate, removeBoth);
    if (!isKey(key)) throw damaged(files.key, removeBoth);
    // A key without its certificate is what a crash in the middle of a renewal leaves behind.
    const isWhole = belongTogether(leaf, key) && isSignedBy(leaf, authority.parsed);
    if (isWhole && !needsRenewal(leaf, { names, authority: authority.parsed, nowMs: clock.nowMs() }))
      return { leaf, made: { certificate, key } };
  }
  const made = await makeCertificate(authority, names, clock.nowMs());
  await save(files.key, made.key);
  await save(files.certificate, made.certificate);
  const [leaf] = readCertificates(made.certificate) ?? [];
  if (leaf === undefined) throw damaged(files.certificate, removeBoth);
  log.info("made a certificate", { file: files.certificate, ends: toIsoTime(endOf(leaf)) });
  return { leaf, made };
}

interface RenewalFacts {
  readonly names: readonly string[];
  readonly authority: X509Certificate;
  readonly nowMs: number;
}

/** Whether a third of its life, or less, is left, or a name is missing. */
function needsRenewal(leaf: X509Certificate, { names, authority, nowMs }: RenewalFacts): boolean {
  // One that ends with its authority cannot be had any longer.
  const canBeLonger = endOf(leaf) < endOf(authority);
  if (canBeLonger && endOf(leaf) - nowMs <= certificateLifeMs / 3) return true;
  // Made by a clock that was ahead: nobody would take it yet.
  if (leaf.validFromDate.getTime() > nowMs) return true;
  const written = new Set(namesOf(leaf));
  return !names.every((name) => {
    if (written.has(name)) return true;
    return isIP(name) === 0 ? leaf.checkHost(name) !== undefined : leaf.checkIP(name) !== undefined;
  });
}

interface Pair<Text> {
  readonly certificate: Text;
  readonly key: Text;
}

async function readPair(files: Pair<string>): Promise<Pair<string | null>> {
  const [certificate, key] = await Promise.all([
    readTextIfExists(files.certificate),
    readPrivateText(files.key),
  ]);
  if (key !== null) await chmod(files.key, privateFileMode);
  return { certificate, key };
}

function save(file: string, text: string): Promise<void> {
  return writeFileAtomic(file, text, { mode: privateFileMode, overwrite: true });
}

function endOf(certificate: X509Certificate): number {
  return certificate.validToDate.getTime();
}

function isKey(text: string): boolean {
  return /-----BEGIN (?:EC )?PRIVATE KEY-----[\s\S]+-----END (?:EC )?PRIVATE KEY-----/.test(text);
}

const removeBoth = "Remove cert.pem and cert.key beside it: they are made again by the next start.";
const restoreAuthority =
  "Restore ca.pem and ca.key from a backup. Without one, move the folder tls away, start again, and let every node join anew: claw-mesh invite";

function damaged(file: string, hint: string = restoreAuthority): MeshError {
  return new MeshError("TLS_INVALID", `${file} is damaged`, { hint });
}

function lost(file: string): MeshError {
  return new MeshError("TLS_INVALID", `${file} is missing, the key of the authority that the nodes trust`, {
    hint: restoreAuthority,
  });
}

function mixed(files: Pair<string>): MeshError {
  return new MeshError("TLS_INVALID", `${files.certificate} and ${files.key} do not belong together`, {
    hint: restoreAuthority,
  });
}
