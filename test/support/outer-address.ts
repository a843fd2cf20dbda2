import { reachableAddresses } from "../../src/platform/addresses.ts";

/**
 * An IPv4 address of this machine that is not loopback, which has no limits of one client and is not on record. null: it
 * has none, and tests that need one are skipped; where CI is set that is an error, as nobody would look at the skip.
 */
export function outerAddress(): string | null {
  const address = reachableAddresses().find((candidate) => !candidate.startsWith("["));
  if (address === undefined && Bun.env.CI === "true") {
    throw new Error(
      "This machine has no IPv4 address beyond loopback: ip link add d0 type dummy, and give it one.",
    );
  }
  return address ?? null;
}
