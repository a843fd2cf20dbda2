import { networkInterfaces } from "node:os";

/**
 * Addresses of this machine that another one may be able to reach: IPv4 before IPv6, no loopback, no link-local.
 * Empty on a machine without a network.
 */
export function reachableAddresses(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const usable = all.filter(({ internal, address }) => !internal && !/^(169\.254\.|fe80:)/i.test(address));
  const v4 = usable.filter(({ family }) => family === "IPv4").map(({ address }) => address);
  const v6 = usable.filter(({ family }) => family === "IPv6").map(({ address }) => `[${address}]`);
  return [...v4, ...v6];
}
