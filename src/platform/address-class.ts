import { isIP } from "node:net";

/**
 * How far an IP address reaches. `private`: this machine and networks that do not belong to the internet; called only when
 * that is allowed. `never`: nothing there is ever a node, or what is there hands out secrets.
 */
export type AddressClass = "public" | "private" | "never";

type Range = readonly [prefix: bigint, bits: number, addressClass: AddressClass];

/** First match counts. What is not listed is public. */
const ipv4Ranges: readonly Range[] = (
  [
    // Metadata services of clouds, and what answers beside them.
    ["169.254.0.23", 32, "never"],
    ["169.254.42.42", 32, "never"],
    ["169.254.169.0", 24, "never"],
    ["169.254.170.0", 24, "never"],
    ["168.63.129.16", 32, "never"],
    ["100.100.100.200", 32, "never"],
    ["192.0.0.192", 32, "never"],
    ["0.0.0.0", 8, "never"],
    ["192.0.0.0", 24, "never"],
    ["192.0.2.0", 24, "never"],
    ["192.88.99.0", 24, "never"],
    ["198.18.0.0", 15, "never"],
    ["198.51.100.0", 24, "never"],
    ["203.0.113.0", 24, "never"],
    ["224.0.0.0", 4, "never"],
    ["240.0.0.0", 4, "never"],
    ["10.0.0.0", 8, "private"],
    // Shared address space: overlay networks hand these out.
    ["100.64.0.0", 10, "private"],
    ["127.0.0.0", 8, "private"],
    ["169.254.0.0", 16, "private"],
    ["172.16.0.0", 12, "private"],
    ["192.168.0.0", 16, "private"],
  ] as const
).map(([prefix, bits, addressClass]) => [parseIpv4(prefix), bits, addressClass]);

const ipv6Ranges: readonly Range[] = (
  [
    ["fd00:ec2::", 32, "never"],
    ["fd20:ce::254", 128, "never"],
    ["fe80::a9fe:a9fe", 128, "never"],
    ["::1", 128, "private"],
    ["fc00::", 7, "private"],
    ["fe80::", 10, "private"],
    // Documentation, benchmarks, discard, segment routing, and the rest of the block for protocols.
    ["2001:db8::", 32, "never"],
    ["2001::", 23, "never"],
    ["3fff::", 20, "never"],
    ["2000::", 3, "public"],
    // Unspecified, multicast, site-local, and all that was never given out.
    ["::", 0, "never"],
  ] as const
).map(([prefix, bits, addressClass]) => [parseIpv6(prefix), bits, addressClass]);

/**
 * Judges an address as it is written, in any spelling that the platform takes for an IP address; anything else is `never`.
 * An IPv6 address that carries an IPv4 one is judged by what it carries.
 */
export function classifyAddress(address: string): AddressClass {
  const family = isIP(address);
  if (family === 4) return matchRange(ipv4Ranges, parseIpv4(address), 32);
  // A zone belongs to one interface of this machine: no address of a node.
  if (family === 0 || address.includes("%")) return "never";
  const value = parseIpv6(address);
  const carried = carriedIpv4(value);
  return carried === null
    ? matchRange(ipv6Ranges, value, 128)
    : stricter(carried.map((ipv4) => matchRange(ipv4Ranges, ipv4, 32)));
}

function matchRange(ranges: readonly Range[], value: bigint, width: number): AddressClass {
  const range = ranges.find(
    ([prefix, bits]) => value >> BigInt(width - bits) === prefix >> BigInt(width - bits),
  );
  return range?.[2] ?? "public";
}

function stricter(classes: readonly AddressClass[]): AddressClass {
  if (classes.includes("never")) return "never";
  return classes.includes("private") ? "private" : "public";
}

const low32 = 0xffff_ffffn;

/** The IPv4 addresses inside: mapped, compatible, translated (NAT64, SIIT), 6to4, Teredo, ISATAP. null: it is no such. */
function carriedIpv4(value: bigint): readonly bigint[] | null {
  const startsWith = (prefix: string, bits: number) =>
    value >> BigInt(128 - bits) === parseIpv6(prefix) >> BigInt(128 - bits);
  const last = value & low32;
  if (startsWith("::ffff:0:0", 96) || startsWith("::ffff:0:0:0", 96)) return [last];
  // `::` and `::1` are addresses of their own.
  if (startsWith("::", 96) && last > 1n) return [last];
  if (startsWith("64:ff9b::", 96)) return [last];
  // Which bits hold it depends on the local prefix: all of the places of RFC 6052.
  if (startsWith("64:ff9b:1::", 48)) return [last, ...translatedPlaces(value)];
  if (startsWith("2002::", 16)) return [(value >> 80n) & low32];
  // Server, and the client with its bits turned round.
  if (startsWith("2001::", 32)) return [(value >> 64n) & low32, last ^ low32];
  const interfaceId = (value >> 32n) & low32;
  if (interfaceId === 0x0000_5efen || interfaceId === 0x0200_5efen) return [last];
  return null;
}

/** For prefixes of 48, 56 and 64 bits; bits 64 to 71 are always left out. */
function translatedPlaces(value: bigint): readonly bigint[] {
  const without = ((value >> 64n) << 56n) | (value & ((1n << 56n) - 1n));
  return [48, 56, 64].map((bits) => (without >> BigInt(120 - bits - 32)) & low32);
}

function parseIpv4(address: string): bigint {
  return address.split(".").reduce((value, part) => (value << 8n) | BigInt(Number(part)), 0n);
}

/** Of an address that `isIP` takes for IPv6. */
function parseIpv6(address: string): bigint {
  const withoutDots = address.replace(/\d+\.\d+\.\d+\.\d+$/, (dotted) => {
    const value = parseIpv4(dotted);
    return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
  });
  const [head = "", tail] = withoutDots.split("::");
  const groupsOf = (text: string) => (text === "" ? [] : text.split(":"));
  const before = groupsOf(head);
  const after = groupsOf(tail ?? "");
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}
