import { z } from "zod";
import type { Clock } from "../platform/clock.ts";
import { isLoopbackHost } from "../platform/http-fetch.ts";
import { machineAddresses } from "../platform/tls/certificate-names.ts";
import { fetchCertificates } from "../platform/tls/handshake.ts";
import { readCertificates } from "../platform/tls/pem.ts";
import { isPin, pinOf } from "../platform/tls/pin.ts";
import { matchPin } from "../platform/tls/pin-check.ts";
import type { Trust } from "../platform/tls/trust.ts";
import { MeshError } from "../protocol/errors.ts";

/** What a node keeps in `node.json` of a coordinator whose pin it has checked. */
export const KeptTrust = z.object({
  pin: z.string(),
  /** The only authority that counts from then on (PEM); null: the system's, as the pin was that of a public certificate. */
  ca: z.string().nullable(),
  server_name: z.string().nullable(),
});
export type KeptTrust = z.infer<typeof KeptTrust>;

/** What an identity tells of its coordinator. */
export interface JoinedThrough {
  readonly coordinator_url: string;
  readonly tls?: KeptTrust | undefined;
}

export interface CoordinatorTrustOptions {
  readonly url: string;
  /** From the invite; null: it had none. */
  readonly pin: string | null;
  /** Authorities that were named beside it; null: none were. */
  readonly given: Trust | null;
  /** What was kept of earlier joins through this address, of the last one first. */
  readonly kept: readonly (KeptTrust | null)[];
  readonly proxyUrl: string | null;
  readonly clock: Clock;
}

/** Whom a node takes for its coordinator. A pin from an invite comes before named authorities, these before what was kept. */
export interface CoordinatorTrust {
  /** Compares the coordinator's key with the pin, by a handshake in which nothing is sent; may be called again. */
  readonly settle: () => Promise<void>;
  readonly isSettled: () => boolean;
  /** null: the system's authorities. Throws before it is settled, so that nothing is ever sent to a key unknown. */
  readonly current: () => Trust | null;
  /**
   * Before anything is sent that only the coordinator of this identity may see, which tells its mesh to anybody. Throws
   * TLS_NOT_TRUSTED when that one is known by a key, or was reached over TLS, and nothing shows that this address is its
   * own: no pin, no named authority, no earlier join.
   */
  readonly assertKnows: (joined: JoinedThrough | null) => void;
  /** For `node.json`; null: nothing beyond the system's authorities, or what is named at each start. */
  readonly toKeep: () => KeptTrust | null;
  /** Says of an error of a connection that the key is another than the pinned one, if it is that. */
  readonly explain: (error: MeshError) => MeshError;
}

/** @throws MeshError USAGE for a pin that is none, or one with an address without TLS */
export function createCoordinatorTrust(options: CoordinatorTrustOptions): CoordinatorTrust {
  const { pin, given } = options;
  if (pin !== null) assertUsable(pin, options.url);
  const known = pin === null ? null : (options.kept.find((kept) => kept?.pin === pin) ?? null);
  // Of the last join alone: authorities of meshes that were there before it are not good any longer.
  let kept = pin === null && given === null ? (options.kept[0] ?? null) : known;
  let isSettled = pin === null || known !== null;

  const settle = async () => {
    if (isSettled || pin === null) return;
    const chain = await fetchCertificates(options);
    const verdict = matchPin(chain, pin);
    if (verdict.kind === "mismatch") throw mismatch(options.url);
    kept =
      verdict.kind === "trusted"
        ? { pin, ca: verdict.trust.ca, server_name: verdict.trust.serverName }
        : { pin, ca: null, server_name: null };
    isSettled = true;
  };

  return {
    settle,
    isSettled: () => isSettled,
    current: () => {
      if (!isSettled) throw new MeshError("INTERNAL", "the coordinator's key has not been compared yet");
      if (kept === null || kept.ca === null) return given;
      return { ca: kept.ca, serverName: kept.server_name };
    },
    assertKnows: (joined) => {
      if (joined === null) return;
      if (new URL(options.url).protocol !== "https:") return assertWasPlain(joined, options.url);
      const { tls } = joined;
      if (tls === undefined || pin !== null) return;
      if (given === null) {
        if (kept?.pin !== tls.pin) throw notItsOwn(joined, options.url);
      } else if (tls.ca === null || hasAuthority(given, tls.pin)) {
        // The same coordinator, named in another way: its pin is not forgotten for that.
        kept = tls;
      }
    },
    toKeep: () => kept,
    explain: (error) => {
      const isOtherKey = error.code === "TLS_NOT_TRUSTED" && error.details?.problem === "unknown_authority";
      return isOtherKey && kept !== null && kept.ca !== null ? mismatch(options.url, error) : error;
    },
  };
}

/** Within one machine plain HTTP may follow on TLS, as after a start of the coordinator without it. */
function assertWasPlain(joined: JoinedThrough, url: string): void {
  const before = URL.parse(joined.coordinator_url);
  const wasPlain = joined.tls === undefined && before?.protocol !== "https:";
  const isLocal = joined.tls === undefined && [joined.coordinator_url, url].every(isThisMachine);
  if (wasPlain || isLocal) return;
  throw new MeshError("TLS_NOT_TRUSTED", `this node knows its coordinator over TLS, and ${url} has none`, {
    hint: `Join with the address of the coordinator that begins with https:// (it was ${joined.coordinator_url}). If it has no TLS any more, move the folder of this node in nodes/ of the data directory away and join with a new invite: claw-mesh invite`,
    details: { joined_through: joined.coordinator_url },
  });
}

function isThisMachine(url: string): boolean {
  const host = (URL.parse(url)?.hostname ?? "").replace(/^\[|\]$/g, "");
  return isLoopbackHost(host) || machineAddresses().includes(host);
}

function notItsOwn(joined: JoinedThrough, url: string): MeshError {
  return new MeshError(
    "TLS_NOT_TRUSTED",
    `nothing shows that ${url} is the coordinator that this node joined through ${joined.coordinator_url}`,
    {
      hint: "Join with the line of a new invite, which carries its pin (claw-mesh invite), or name its authority with --ca.",
      details: { joined_through: joined.coordinator_url },
    },
  );
}

function hasAuthority({ ca }: Trust, pin: string): boolean {
  const certificates = ca === null ? null : readCertificates(ca);
  return certificates?.some((certificate) => pinOf(certificate) === pin) === true;
}

function assertUsable(pin: string, url: string): void {
  if (!isPin(pin)) {
    throw new MeshError("USAGE", "the invite is cut or changed: what follows its dot is no pin", {
      hint: "Copy the whole join line, or print another one with: claw-mesh invite",
    });
  }
  if (new URL(url).protocol === "https:") return;
  throw new MeshError("USAGE", `the invite carries the pin of a key, but ${url} is not an address with TLS`, {
    hint: "Join with the address of the join line; it begins with https://",
  });
}

function mismatch(url: string, cause?: unknown): MeshError {
  return new MeshError("TLS_PIN_MISMATCH", `${url} has another key than the pinned one; nothing was sent`, {
    cause,
  });
}
