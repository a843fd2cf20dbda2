import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { errorCodeOf } from "./atomic-file.ts";
import { waitAtMost } from "./bounded-wait.ts";
import type { Clock } from "./clock.ts";

/** What a host name leads to; `failed` with the resolver's code, or `TIMEOUT`. */
export type ResolvedName =
  | { readonly kind: "address" }
  | { readonly kind: "resolved"; readonly addresses: readonly string[] }
  | { readonly kind: "failed"; readonly code: string };

/** As this machine's programs see it: hosts file, then DNS. `host` may be an address, in brackets or not. */
export async function resolveName(
  host: string,
  { clock, limitMs }: { readonly clock: Clock; readonly limitMs: number },
): Promise<ResolvedName> {
  if (isIP(host.replace(/^\[|\]$/g, "")) !== 0) return { kind: "address" };
  const ask = async (): Promise<ResolvedName> => {
    try {
      const found = await lookup(host, { all: true });
      return { kind: "resolved", addresses: found.map(({ address }) => address) };
    } catch (error) {
      return { kind: "failed", code: errorCodeOf(error) ?? "unknown" };
    }
  };
  return waitAtMost(ask(), { clock, limitMs, otherwise: { kind: "failed", code: "TIMEOUT" } });
}
