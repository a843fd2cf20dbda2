import type { NodeAgentOptions } from "./agent-options.ts";
import { type CoordinatorAddress, openCoordinatorAddress } from "./coordinator-address.ts";
import { createCoordinatorTrust } from "./coordinator-trust.ts";
import { findKnownMeshes } from "./identity.ts";

type FindOptions = Pick<
  NodeAgentOptions,
  "coordinatorUrl" | "fetch" | "proxyUrl" | "pin" | "trust" | "dataDir" | "name" | "clock"
>;

/**
 * The coordinator of these options, with whom to take for it: the pin, the authorities that were named, or what was kept
 * of an earlier join.
 * @throws MeshError USAGE for an address that is none, and for a pin that does not fit it
 */
export function findCoordinator(options: FindOptions): Promise<CoordinatorAddress> {
  const { proxyUrl, clock } = options;
  return openCoordinatorAddress({
    url: options.coordinatorUrl,
    fetch: options.fetch,
    proxyUrl,
    trust: async (url) => {
      const known = url.startsWith("https:") ? await findKnownMeshes(options.dataDir, options.name, url) : [];
      return createCoordinatorTrust({
        url,
        pin: options.pin ?? null,
        given: options.trust ?? null,
        kept: known.map(({ file: { tls } }) => tls ?? null),
        proxyUrl,
        clock,
      });
    },
  });
}
