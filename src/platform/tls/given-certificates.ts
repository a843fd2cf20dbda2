import type { X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { isIP } from "node:net";
import { MeshError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";
import { errorCodeOf } from "../atomic-file.ts";
import { type Clock, toIsoTime } from "../clock.ts";
import type { Log } from "../log.ts";
import { findOpenMode } from "../private-files.ts";
import { belongTogether } from "./certificate-maker.ts";
import type { ServedCertificate } from "./own-certificates.ts";
import { namesOf, readCertificates } from "./pem.ts";
import { pinOf } from "./pin.ts";
import { type Trust, trustOfServed } from "./trust.ts";

/** PEM files of somebody's own certificate: the chain, its own certificate first, and the key. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface GivenCertificates {
  readonly served: ServedCertificate;
  /** Of the certificate's own key. */
  readonly pin: string;
  /** How this machine trusts it. */
  readonly trust: Trust | null;
  /** DNS names without wildcards. */
  readonly names: readonly string[];
  readonly endsAtMs: number;
  /** Changes when a file does. */
  readonly version: string;
}

/** So long before its end a certificate that somebody else renews is spoken of. */
const dayMs = 24 * 3600 * 1000;
const endWarningMs = 14 * dayMs;

/**
 * Reads and checks them.
 * @throws MeshError TLS_INVALID: which file, and what is wrong with it
 */
export async function loadGivenCertificates(
  files: CertificateFiles,
  deps: { readonly clock: Clock; readonly log: Log },
): Promise<GivenCertificates> {
  const version = await versionOf(files);
  const [cert, key] = await Promise.all([readPem(files.certFile), readPem(files.keyFile)]);
  const chain = readCertificates(cert);
  if (chain === null) throw invalid(`${files.certFile} holds no certificate (PEM)`);
  const [leaf] = chain;
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key)) throw invalid(`${files.keyFile} holds no key (PEM)`);
  if (/ENCRYPTED/.test(key)) {
    throw invalid(
      `the key ${files.keyFile} has a password`,
      "Give a key without one: openssl pkey -in <file>",
    );
  }
  if (!belongTogether(leaf, key)) {
    throw invalid(
      `${files.certFile} and ${files.keyFile} do not belong together`,
      "The first certificate of the file must be the coordinator's own; those above it follow.",
    );
  }
  checkDates(leaf, files.certFile, deps);
  await warnOfMode(files.keyFile, deps.log);
  return {
    served: { cert, key: new Secret(key) },
    pin: pinOf(leaf),
    trust: trustOfServed(cert),
    names: namesOf(leaf).filter((name) => isIP(name) === 0 && !name.startsWith("*")),
    endsAtMs: leaf.validToDate.getTime(),
    version,
  };
}

interface EndWatchOptions {
  readonly file: string;
  readonly endsAtMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * For a certificate that was just loaded, which has told of a near end: call the result now and then, and the log is told
 * once a day of an end that is near, and of one that has come at once and then once a day.
 */
export function createEndWatch({ file, endsAtMs, clock, log }: EndWatchOptions): () => void {
  const isNear = () => endsAtMs - clock.nowMs() < endWarningMs;
  let toldAtMs = isNear() ? clock.nowMs() : null;
  let hasEnded = false;
  return () => {
    if (!isNear()) return;
    const isOver = endsAtMs <= clock.nowMs();
    const isNews = toldAtMs === null || isOver !== hasEnded;
    if (!isNews && clock.nowMs() - (toldAtMs ?? 0) < dayMs) return;
    toldAtMs = clock.nowMs();
    hasEnded = isOver;
    const facts = { file, ends: toIsoTime(endsAtMs) };
    if (isOver)
      log.error("the certificate has ended: nodes and commands refuse it until it is renewed", facts);
    else log.warn("the certificate ends soon", facts);
  };
}

/** Changes when one of the files was written or replaced. */
export async function versionOf(files: CertificateFiles): Promise<string> {
  const marks = [files.certFile, files.keyFile].map(async (file) => {
    try {
      const { ino, size, mtimeMs } = await stat(file);
      return `${ino}.${size}.${mtimeMs}`;
    } catch (error) {
      return errorCodeOf(error) ?? "unreadable";
    }
  });
  return (await Promise.all(marks)).join(" ");
}

function checkDates(
  leaf: X509Certificate,
  file: string,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): void {
  const endsAtMs = leaf.validToDate.getTime();
  const leftMs = endsAtMs - clock.nowMs();
  if (leftMs <= 0) throw invalid(`the certificate ${file} ended on ${toIsoTime(endsAtMs)}`, "Renew it.");
  if (leftMs < endWarningMs) log.warn("the certificate ends soon", { file, ends: toIsoTime(endsAtMs) });
  if (leaf.validFromDate.getTime() > clock.nowMs()) {
    log.warn("the certificate is not valid yet", { file, from: toIsoTime(leaf.validFromDate.getTime()) });
  }
}

async function warnOfMode(file: string, log: Log): Promise<void> {
  const mode = await findOpenMode(file);
  if (mode === null) return;
  log.warn("others on this machine can read the key of the certificate", {
    file,
    mode,
    remedy: `chmod 600 ${file}`,
  });
}

async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new MeshError("TLS_INVALID", `cannot read ${file} (${errorCodeOf(cause) ?? "unknown reason"})`, {
      cause,
    });
  }
}

function invalid(message: string, hint?: string): MeshError {
  return new MeshError("TLS_INVALID", message, hint === undefined ? {} : { hint });
}
