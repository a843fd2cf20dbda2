import type { SafeAnswer, SafeFetch } from "../../platform/safe-fetch.ts";
import { directHealthPath } from "../../protocol/direct.ts";
import type { DirectTarget } from "./direct-link.ts";
import { probeLimitMs } from "./node-health.ts";

/** Bytes of the answer to a probe. */
const maxProbeBytes = 64 * 1024;

/** Asks an endpoint for a sign of life; shows no token. */
export function probeEndpoint(
  safeFetch: SafeFetch,
  { origin }: Pick<DirectTarget, "origin">,
  limitMs: number,
): Promise<SafeAnswer> {
  return safeFetch({
    url: origin + directHealthPath,
    method: "GET",
    timeoutMs: Math.min(limitMs, probeLimitMs),
    maxBytes: maxProbeBytes,
  });
}

export function isHealthy(answer: SafeAnswer): boolean {
  return answer.kind === "answered" && answer.status === 200;
}
