import { isIPv4, isIPv6 } from "node:net";

/** Of a client that has left before anybody asked. */
export const unknownAddress = "unknown";

/** A client on this machine. On the way of every message: a list of networks would cost more than all else about it. */
export function isOwnAddress(address: string): boolean {
  return clientKey(address) === null;
}

/**
 * What tells clients apart: the address; of IPv6 the first 64 bits, because one client has as many addresses in its
 * network as it likes. null: this machine itself, which has no limits of one client. All that have left count as one.
 */
export function clientKey(address: string): string | null {
  const v4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  if (isIPv4(v4)) return v4.startsWith("127.") ? null : v4;
  const bare = address.split("%", 1)[0] ?? "";
  if (!isIPv6(bare)) return unknownAddress;
  const [head = "", tail] = bare.split("::");
  const before = readGroups(head);
  const after = tail === undefined ? [] : readGroups(tail);
  const zeros = new Array<number>(Math.max(0, 8 - before.length - after.length)).fill(0);
  const groups = [...before, ...zeros, ...after];
  if (groups.slice(0, 7).every((group) => group === 0) && groups[7] === 1) return null;
  const network = groups.slice(0, 4).map((group) => group.toString(16));
  return `${network.join(":")}::/64`;
}

/** Groups of a part of an IPv6 address; its last 32 bits may be written like IPv4. */
function readGroups(part: string): readonly number[] {
  if (part === "") return [];
  return part.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}
