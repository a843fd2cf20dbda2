import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { coordinatorName } from "./trust.ts";

/** What a certificate can hold as a DNS name. */
const dnsName =
  /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** Names of a certificate at most; a machine with more addresses has bridges of containers among them. */
const maxNames = 100;

export interface MachineNames {
  readonly hostName: string;
  /** Without brackets. */
  readonly addresses: readonly string[];
  /** Names, addresses, `host:port`, as people write them. */
  readonly others: readonly string[];
}

/** What a coordinator may be called by, each once: DNS names in lower case, addresses without brackets and zones. */
export function certificateNames({ hostName, addresses, others }: MachineNames): readonly string[] {
  const names = [coordinatorName, "localhost", "127.0.0.1", "::1", hostName, ...others, ...addresses]
    .map(toName)
    .filter((name) => name !== null);
  return [...new Set(names)].slice(0, maxNames);
}

/** Addresses of all interfaces of this machine, those of the link left out: they mean nothing without it. */
export function machineAddresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .map(({ address }) => address)
    .filter((address) => !/^(169\.254\.|fe80:)/i.test(address));
}

function toName(text: string): string | null {
  const bare = text.trim().replace(/^\[([^\]]+)\](?::\d+)?$/, "$1");
  if (isIP(bare) !== 0) return isUnspecified(bare) ? null : bare.toLowerCase();
  const name = bare.replace(/:\d+$/, "").replace(/\.$/, "").toLowerCase();
  if (isIP(name) !== 0) return isUnspecified(name) ? null : name;
  return dnsName.test(name) && name.length <= 253 ? name : null;
}

function isUnspecified(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}
