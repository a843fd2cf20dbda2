import { z } from "zod";
import type { Clock } from "../platform/clock.ts";
import { fetchCertificates } from "../platform/tls/handshake.ts";
import { isPin } from "../platform/tls/pin.ts";
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

export interface CoordinatorTrustOptions {
  readonly url: string;
  /** From the invite; null: it had none. */
  readonly pin: string | null;
  /** Authorities that were named beside it; null: none were. */
  readonly given: Trust | null;
  /** What was kept of earlier joins through this address. */
  readonly kept: readonly KeptTrust[];
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
  /** For `node.json`; null: nothing beyond the system's authorities, or what is named at each start. */
  readonly toKeep: () => KeptTrust | null;
  /** Says of an error of a connection that the key is another than the pinned one, if it is that. */
  readonly explain: (error: MeshError) => MeshError;
}

/** @throws MeshError USAGE for a pin that is none, or one with an address without TLS */
export function createCoordinatorTrust(options: CoordinatorTrustOptions): CoordinatorTrust {
  const { pin, given } = options;
  if (pin !== null) assertUsable(pin, options.url);
  const known = options.kept.find((kept) => kept.pin === pin);
  let kept = pin === null && given === null ? newest(options.kept) : (known ?? null);
  let isSettled = pin === null || known !== undefined;

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
    toKeep: () => kept,
    explain: (error) => {
      const isOtherKey = error.code === "TLS_NOT_TRUSTED" && error.details?.problem === "unknown_authority";
      return isOtherKey && kept !== null && kept.ca !== null ? mismatch(options.url, error) : error;
    },
  };
}

/** Where several meshes were joined through one address, any of their authorities is good. */
function newest(kept: readonly KeptTrust[]): KeptTrust | null {
  const [first, ...others] = kept.filter(({ ca }) => ca !== null);
  if (first === undefined) return null;
  const alike = others.filter(({ server_name }) => server_name === first.server_name);
  return { ...first, ca: [first, ...alike].map(({ ca }) => ca).join("") };
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
