import { readFileSync } from "node:fs";
import { join } from "node:path";
import { errorCodeOf } from "./atomic-file.ts";
import { isLoopbackHost } from "./http-fetch.ts";

/** Who listens at a port of this machine. */
export type PortOwner =
  /** This user, or root, who could do anything here. */
  | { readonly kind: "own" }
  | { readonly kind: "foreign"; readonly uid: number; readonly port: number }
  | { readonly kind: "nobody"; readonly port: number }
  /** The address is another machine's, or the system does not tell: only Linux does. */
  | { readonly kind: "unknown" };

interface OwnerLook {
  /** Where the file system begins; default `/`. */
  readonly root?: string;
  /** Default: this process's. undefined: the system has no users in this sense. */
  readonly uid?: number | undefined;
}

/**
 * Who would answer at the address, by the kernel's table of sockets. Any user may listen at a port above 1023 that nobody has,
 * so that what answers where a gateway should be need not be that gateway.
 * @param url - `http:` or `ws:`, with a host of this machine
 */
export function findPortOwner(url: string, look: OwnerLook = {}): PortOwner {
  const target = URL.parse(url);
  const { root = "/", uid = process.getuid?.() } = look;
  if (target === null || uid === undefined || !isLoopbackHost(target.hostname)) return { kind: "unknown" };
  const isSecure = target.protocol === "https:" || target.protocol === "wss:";
  const port = Number(target.port || (isSecure ? 443 : 80));
  const table = readListeners(port, root);
  if (table === null) return { kind: "unknown" };
  const owners = addressesOf(target.hostname).flatMap((places) => ownersAt(places, table));
  const foreign = owners.find((owner) => owner !== uid && owner !== 0);
  if (foreign !== undefined) return { kind: "foreign", uid: foreign, port };
  return owners.length > 0 ? { kind: "own" } : { kind: "nobody", port };
}

/** Why nothing that is secret may go there, as the end of a sentence; null: it may. */
export function explainForeign(owner: PortOwner): string | null {
  if (owner.kind === "foreign") return `port ${owner.port} belongs to another user (${owner.uid})`;
  return owner.kind === "nobody" ? `nothing of this machine listens at port ${owner.port}` : null;
}

interface Listener {
  /** As the kernel writes it: words of four bytes, the lowest first. */
  readonly address: string;
  readonly uid: number;
}

const anyV4 = "00000000";
const anyV6 = "0".repeat(32);
const ownV6 = "00000000000000000000000001000000";
const mappedPrefix = "0000000000000000FFFF0000";

/** For each address that the name may mean: where a listener may be, what the kernel prefers first. */
function addressesOf(hostname: string): readonly (readonly string[])[] {
  const host = hostname.replace(/^\[|\]$/g, "");
  const v6 = [ownV6, anyV6];
  if (host.includes(":")) return [v6];
  const isAddress = /^\d+\.\d+\.\d+\.\d+$/.test(host);
  const bytes = (isAddress ? host : "127.0.0.1").split(".").map(Number).toReversed();
  const v4 = bytes.map((byte) => byte.toString(16).padStart(2, "0").toUpperCase()).join("");
  const places = [v4, `${mappedPrefix}${v4}`, anyV4, anyV6];
  return isAddress ? [places] : [places, v6];
}

function ownersAt(places: readonly string[], table: readonly Listener[]): readonly number[] {
  for (const place of places) {
    const there = table.filter(({ address }) => address === place);
    if (there.length > 0) return there.map(({ uid }) => uid);
  }
  return [];
}

/** null: there is no table. That of version 6 is missing where the kernel has none. */
function readListeners(port: number, root: string): readonly Listener[] | null {
  const v4 = readTable(join(root, "proc/net/tcp"));
  if (v4 === null) return null;
  const lines = [...v4.split("\n"), ...(readTable(join(root, "proc/net/tcp6")) ?? "").split("\n")];
  return lines.flatMap((line) => parseLine(line, port));
}

/** `0: 0100007F:4965 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000 …`; state 0A listens. */
function parseLine(line: string, port: number): readonly Listener[] {
  const [, local = "", , state, , , , uid] = line.trim().split(/\s+/);
  const [address = "", hexPort = ""] = local.split(":");
  if (state !== "0A" || Number.parseInt(hexPort, 16) !== port || !/^\d+$/.test(uid ?? "")) return [];
  return [{ address: address.toUpperCase(), uid: Number(uid) }];
}

function readTable(path: string): string | null {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if (errorCodeOf(error) === null) throw error;
    return null;
  }
}
