import { toIsoTime } from "../platform/clock.ts";
import { isLoopbackHost } from "../platform/http-fetch.ts";
import { plainHttpRisk } from "../platform/tls/plain-http-risk.ts";
import { MeshError } from "../protocol/errors.ts";
import type { Connection } from "./connection.ts";
import type { CliContext } from "./context.ts";
import { toSafeLine } from "./render/safe-text.ts";

/** What `doctor` says of a coordinator's certificate. */
interface CertificateCheck {
  readonly status: "ok" | "warning" | "failed" | "skipped";
  readonly message: string;
  readonly remedy: string | null;
}

/** From here on a certificate that nobody renews is worth a word; one of the coordinator's own has 30 days left then. */
const endsSoonMs = 14 * 24 * 3600 * 1000;

/**
 * Whom the certificate is from, until when, and its pin; null for plain HTTP within this machine. `expectedPin`: the key that
 * this machine knows the coordinator by; null: none.
 */
export async function checkCertificate(
  { texts, clock }: Pick<CliContext, "texts" | "clock">,
  { url, proxyUrl }: Pick<Connection, "url" | "proxyUrl">,
  expectedPin: string | null,
): Promise<CertificateCheck | null> {
  const { protocol, hostname } = new URL(url);
  if (protocol !== "https:") {
    if (isLoopbackHost(hostname)) return null;
    return { status: "warning", message: texts.tls.noTls, remedy: plainHttpRisk.coordinator.remedy };
  }
  const { fetchCertificates } = await import("../platform/tls/handshake.ts");
  const { pinOf } = await import("../platform/tls/pin.ts");
  const { shortName } = await import("../platform/tls/pem.ts");
  try {
    const chain = await fetchCertificates({ url, proxyUrl, clock });
    const [leaf, authority] = chain;
    const { matchPin } = await import("../platform/tls/pin-check.ts");
    if (expectedPin !== null && matchPin(chain, expectedPin).kind === "mismatch") {
      const { pinMismatch, pinRemedy } = texts.doctor;
      return { status: "failed", message: pinMismatch(url), remedy: pinRemedy };
    }
    const { isOwnAuthority } = await import("../platform/tls/trust.ts");
    const pinned = authority !== undefined && isOwnAuthority(authority) ? authority : leaf;
    const endsAtMs = leaf.validToDate.getTime();
    const message = toSafeLine(
      texts.tls.certificate(
        shortName(leaf.subject),
        shortName(leaf.issuer),
        toIsoTime(endsAtMs),
        pinOf(pinned),
      ),
    );
    const endsSoon = endsAtMs - clock.nowMs() < endsSoonMs;
    return { status: endsSoon ? "warning" : "ok", message, remedy: endsSoon ? texts.tls.endsSoon : null };
  } catch (error) {
    // The check of the coordinator says why it is not reached.
    if (error instanceof MeshError)
      return { status: "skipped", message: texts.doctor.notReached, remedy: null };
    throw error;
  }
}
