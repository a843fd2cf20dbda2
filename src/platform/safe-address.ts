import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { classifyAddress } from "./address-class.ts";

/** All addresses of a name. Rejects when there are none. */
export type ResolveName = (name: string) => Promise<readonly string[]>;

export const systemResolve: ResolveName = async (name) =>
  (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address);

/** Where an outgoing call may go: an address that was judged, and the name that it was asked for by. */
export interface CheckedAddress {
  readonly kind: "allowed";
  /** The address to connect to: the one that was judged, never looked up again. */
  readonly address: string;
}

export interface RefusedAddress {
  readonly kind: "refused";
  /** `unresolved` may be over in a moment; the others are not. */
  readonly why: "unresolved" | "private" | "never";
  readonly reason: string;
}

/** Names under which clouds hand out secrets to the machine that asks, wherever a resolver says that they are. */
const metadataNames: ReadonlySet<string> = new Set([
  "instance-data",
  "instance-data.ec2.internal",
  "metadata",
  "metadata.azure.internal",
  "metadata.goog",
  "metadata.google.internal",
  "metadata.packet.net",
  "metadata.platformequinix.com",
  "metadata.tencentyun.com",
]);

interface CheckOptions {
  readonly resolve: ResolveName;
  readonly allowPrivate: boolean;
}

/**
 * Resolves a host and judges every address of it: one that is not allowed refuses them all. `host` is the `hostname` of a
 * URL, where odd spellings of addresses have been made canonical already.
 */
export async function checkHost(
  host: string,
  { resolve, allowPrivate }: CheckOptions,
): Promise<CheckedAddress | RefusedAddress> {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  if (metadataNames.has(bare.toLowerCase().replace(/\.$/, ""))) {
    return { kind: "refused", why: "never", reason: `${host} is not an address of a node` };
  }
  const addresses = isIP(bare) === 0 ? await resolveOrNone(bare, resolve) : [bare];
  const [first] = addresses;
  if (first === undefined) {
    return { kind: "refused", why: "unresolved", reason: `the name ${host} has no address` };
  }
  for (const address of addresses) {
    const found = classifyAddress(address);
    const of = address === bare ? address : `${host} (${address})`;
    if (found === "never") {
      return { kind: "refused", why: "never", reason: `${of} is not an address of a node` };
    }
    if (found === "private" && !allowPrivate) {
      return { kind: "refused", why: "private", reason: `${of} is a private address` };
    }
  }
  // IPv4 first: not every machine with an IPv6 address has a way out.
  return { kind: "allowed", address: addresses.find((address) => isIP(address) === 4) ?? first };
}

async function resolveOrNone(name: string, resolve: ResolveName): Promise<readonly string[]> {
  try {
    return await resolve(name);
  } catch {
    // Whatever went wrong, there is no address to connect to.
    return [];
  }
}

/** A direct endpoint: `host:port`, nothing else. */
export interface Endpoint {
  /** As the `hostname` of a URL: lower case, addresses canonical, IPv6 in brackets. */
  readonly host: string;
  readonly port: number;
  /** `http://host:port`, without a slash at the end. */
  readonly origin: string;
}

/** @returns null when the text is not exactly `host:port` */
export function parseEndpoint(text: string): Endpoint | null {
  const match = /^([^\s/?#@\\%]+):(\d{1,5})$/.exec(text);
  const url = match === null ? null : URL.parse(`http://${text}`);
  const port = Number(match?.[2]);
  if (url === null || url.hostname === "" || port < 1 || port > 65_535) return null;
  return { host: url.hostname, port, origin: `http://${url.hostname}:${port}` };
}
