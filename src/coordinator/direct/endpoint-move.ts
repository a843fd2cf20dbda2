import { parseEndpoint } from "../../platform/safe-address.ts";

/** What a node's own token says for another endpoint of that node. */
export interface EndpointMove {
  /** `host:port`; null: it had a link. */
  readonly from: string | null;
  readonly to: string;
  /** Address of the caller. */
  readonly caller: string;
}

/**
 * Whether the holder of a node's own token may move its endpoint. The coordinator sends that token over plain HTTP, so whoever
 * reads it there must not draw the node's messages to another machine: the host stays, or the call comes from it. A machine
 * that has got another address shows so by calling from it, and counts when nobody answers at the old one (`if_dead`).
 */
export function decideMove({ from, to, caller }: EndpointMove): "yes" | "if_dead" | "no" {
  const newHost = hostOf(to);
  const callerHost = bareAddress(caller);
  if (from === null) return newHost === callerHost ? "yes" : "if_dead";
  const oldHost = hostOf(from);
  if (newHost === oldHost || callerHost === oldHost) return "yes";
  return newHost === callerHost ? "if_dead" : "no";
}

function hostOf(endpoint: string): string | null {
  const host = parseEndpoint(endpoint)?.host ?? null;
  return host === null ? null : bareAddress(host);
}

/** Without brackets and zone; IPv4 in an IPv6 address as IPv4. */
function bareAddress(text: string): string {
  const bare = text
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/%.*$/, "")
    .toLowerCase();
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare)?.[1] ?? bare;
}
