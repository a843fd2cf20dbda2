/** Clients that are remembered; the one that came longest ago goes first. */
export const maxKnownClients = 1_000;

/** From where something was right in this process: a lock that others earn does not keep it out. */
export interface KnownGood {
  /** From nowhere yet. */
  readonly isEmpty: () => boolean;
  readonly hasFrom: (clientKey: string) => boolean;
  readonly add: (clientKey: string) => void;
}

export function createKnownGood(): KnownGood {
  /** The one that came last stands last. */
  const clients = new Set<string>();

  return {
    isEmpty: () => clients.size === 0,
    hasFrom: (clientKey) => clients.has(clientKey),
    add: (clientKey) => {
      clients.delete(clientKey);
      clients.add(clientKey);
      const [oldest] = clients;
      if (clients.size > maxKnownClients && oldest !== undefined) clients.delete(oldest);
    },
  };
}
