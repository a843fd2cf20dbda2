/** Tokens that are remembered, and addresses of each; what was used longest ago goes first. */
export const maxKnownTokens = 20_000;
export const maxKnownAddresses = 64;

/** Which tokens were good in this process, and from where: a lock that others earned does not keep them out. */
export interface KnownGood {
  readonly has: (tokenHash: string) => boolean;
  readonly hasFrom: (tokenHash: string, clientKey: string) => boolean;
  readonly add: (tokenHash: string, clientKey: string) => void;
}

export function createKnownGood(): KnownGood {
  const addressesOf = new Map<string, Set<string>>();

  return {
    has: (tokenHash) => addressesOf.has(tokenHash),
    hasFrom: (tokenHash, clientKey) => addressesOf.get(tokenHash)?.has(clientKey) === true,
    add: (tokenHash, clientKey) => {
      let addresses = addressesOf.get(tokenHash);
      if (addresses === undefined) {
        addresses = new Set();
        addressesOf.set(tokenHash, addresses);
        dropOldest(addressesOf, maxKnownTokens);
      }
      if (addresses.has(clientKey)) return;
      addresses.add(clientKey);
      dropOldest(addresses, maxKnownAddresses);
    },
  };
}

function dropOldest(from: Map<string, unknown> | Set<string>, most: number): void {
  const oldest = from.keys().next();
  if (from.size > most && oldest.done !== true) from.delete(oldest.value);
}
