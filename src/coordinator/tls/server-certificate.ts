import { hostname } from "node:os";
import { type CancelTimer, type Clock, toIsoTime } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { certificateNames, machineAddresses } from "../../platform/tls/certificate-names.ts";
import {
  type CertificateFiles,
  createEndWatch,
  loadGivenCertificates,
  versionOf,
} from "../../platform/tls/given-certificates.ts";
import { loadOwnCertificates, type ServedCertificate } from "../../platform/tls/own-certificates.ts";
import type { Trust } from "../../platform/tls/trust.ts";

/** `own`: from an authority of the coordinator's own, in its data directory. */
export type TlsSettings =
  | { readonly kind: "own"; readonly names: readonly string[] }
  | ({ readonly kind: "files" } & CertificateFiles);

/** How often a certificate of our own is looked at, and how often files of somebody else. */
const renewalCheckMs = 3600 * 1000;
const fileCheckMs = 30 * 1000;

interface ServerCertificateOptions {
  readonly settings: TlsSettings;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** What the coordinator's server shows, kept fresh while it runs. */
export interface ServerCertificate {
  readonly served: () => ServedCertificate;
  /** The pin that invites carry. */
  readonly pin: () => string;
  /** How clients on this machine trust it; null: as they would any other server. */
  readonly trust: () => Trust | null;
  /** DNS names of a certificate from elsewhere, which has to be called by them; none for one of our own. */
  readonly names: () => readonly string[];
  /** Looks after it; `onChange` when there is another one to show. */
  readonly start: (onChange: (served: ServedCertificate) => void) => void;
  readonly stop: () => void;
}

interface Loaded {
  readonly served: ServedCertificate;
  readonly pin: string;
  readonly trust: Trust | null;
  readonly names?: readonly string[];
  readonly endsAtMs: number;
}

/** @throws MeshError TLS_INVALID, DATA_DIR_UNUSABLE */
export async function createServerCertificate(options: ServerCertificateOptions): Promise<ServerCertificate> {
  const { settings } = options;
  return settings.kind === "own" ? keepOwn(options, settings.names) : keepGiven(options, settings);
}

async function keepOwn(
  { dataDir, clock, log }: ServerCertificateOptions,
  others: readonly string[],
): Promise<ServerCertificate> {
  const names = certificateNames({ hostName: hostname(), addresses: machineAddresses(), others });
  const load = (isStart: boolean) => loadOwnCertificates({ dataDir, names, isStart, clock, log });
  return keep(await load(true), { load: () => load(false), everyMs: renewalCheckMs, clock, log });
}

async function keepGiven(
  { clock, log }: ServerCertificateOptions,
  files: CertificateFiles,
): Promise<ServerCertificate> {
  let tellEnd = () => {};
  const load = async () => {
    const loaded = await loadGivenCertificates(files, { clock, log });
    tellEnd = createEndWatch({ file: files.certFile, endsAtMs: loaded.endsAtMs, clock, log });
    return loaded;
  };
  const first = await load();
  let seen = first.version;
  const loadIfChanged = async () => {
    const version = await versionOf(files);
    tellEnd();
    if (version === seen) return null;
    // Also when it cannot be used: one change is told once, and the next one is looked at again.
    seen = version;
    return load();
  };
  return keep(first, { load: loadIfChanged, everyMs: fileCheckMs, clock, log });
}

interface KeepOptions {
  /** null: nothing has changed. */
  readonly load: () => Promise<Loaded | null>;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

function keep(first: Loaded, { load, everyMs, clock, log }: KeepOptions): ServerCertificate {
  let current = first;
  let cancel: CancelTimer = () => {};
  let isStopped = false;

  const check = async (onChange: (served: ServedCertificate) => void) => {
    try {
      const next = await load();
      if (next === null || isStopped || next.served.cert === current.served.cert) return;
      onChange(next.served);
      current = next;
      log.info("serving a new certificate", { ends: toIsoTime(next.endsAtMs) });
    } catch (error) {
      // The old one goes on as long as it lasts.
      log.error("the certificate could not be renewed", { error, ends: toIsoTime(current.endsAtMs) });
    }
  };

  return {
    served: () => current.served,
    pin: () => current.pin,
    trust: () => current.trust,
    names: () => current.names ?? [],
    start: (onChange) => {
      const again = () => {
        cancel = clock.after(
          everyMs,
          () => {
            void check(onChange).finally(() => {
              if (!isStopped) again();
            });
          },
          { unref: true },
        );
      };
      again();
    },
    stop: () => {
      isStopped = true;
      cancel();
    },
  };
}
