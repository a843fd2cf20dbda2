import { BlockList, isIP } from "node:net";
import { hideUserInfo } from "../protocol/hide-user-info.ts";
import type { Environment } from "./environment.ts";

/** The part of the platform's `fetch` that the API client needs. */
export type HttpFetch = (url: string, init: RequestInit) => Promise<Response>;

/**
 * A `fetch` that goes through the proxy of the environment only where {@link proxyForUrl} says so. The platform's own
 * fetch would also send requests for this machine and the local network through it. Answers come as they were sent: limits on
 * their size would not hold for what grows by unpacking, so that none is asked for compressed, and a compressed one is foreign.
 */
export function createFetch(deps: { readonly env: Environment }): HttpFetch {
  return (url, init) => {
    const proxy = proxyForUrl(url, deps.env);
    // `false` switches off the platform's own look at the environment; its types know only addresses.
    const headers = new Headers(init.headers);
    headers.set("accept-encoding", "identity");
    return fetch(url, { ...init, headers, proxy: proxy ?? false, decompress: false } as BunFetchRequestInit);
  };
}

/**
 * The address of the proxy for this URL, or null. Loopback and private addresses, names without a dot and names of
 * local networks never go through one; NO_PROXY is honoured (names, suffixes, addresses, CIDR, `*`, each with an
 * optional port). For `ws:` and `wss:` too, as the platform's WebSocket ignores the environment.
 */
export function proxyForUrl(url: string, env: Environment): string | null {
  const target = URL.parse(url);
  if (target === null) return null;
  const isSecure = target.protocol === "https:" || target.protocol === "wss:";
  const proxy = isSecure
    ? (env.https_proxy ?? env.HTTPS_PROXY ?? env.all_proxy ?? env.ALL_PROXY)
    : (env.http_proxy ?? env.HTTP_PROXY ?? env.all_proxy ?? env.ALL_PROXY);
  if (proxy === undefined || proxy.trim() === "") return null;
  const host = target.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = target.port === "" ? (isSecure ? "443" : "80") : target.port;
  if (isLocalHost(host) || isExempt(host, port, env.no_proxy ?? env.NO_PROXY ?? "")) return null;
  const address = proxy.trim();
  return address.includes("://") ? address : `http://${address}`;
}

/** The names of the proxy variables that are set, with their values stripped of user and password. */
export function proxyVariables(env: Environment): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of ["http_proxy", "https_proxy", "all_proxy", "no_proxy"]) {
    for (const spelling of [name, name.toUpperCase()]) {
      const value = env[spelling];
      if (value !== undefined && value !== "") found[spelling] = hideUserInfo(value);
    }
  }
  return found;
}

/** This machine: `localhost`, 127.0.0.0/8, ::1. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "").toLowerCase();
  if (bare === "localhost" || bare.endsWith(".localhost")) return true;
  return contains(loopbackAddresses(), bare);
}

function isLocalHost(host: string): boolean {
  if (isLoopbackHost(host)) return true;
  if (isIP(host) !== 0) return contains(privateAddresses(), host);
  return !host.includes(".") || /\.(?:local|lan|internal|home\.arpa)$/.test(host);
}

function contains(list: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 6 ? "ipv6" : "ipv4");
}

function loopbackAddresses(): BlockList {
  const list = new BlockList();
  list.addSubnet("127.0.0.0", 8, "ipv4");
  list.addAddress("::1", "ipv6");
  return list;
}

function privateAddresses(): BlockList {
  const list = new BlockList();
  list.addSubnet("10.0.0.0", 8, "ipv4");
  list.addSubnet("172.16.0.0", 12, "ipv4");
  list.addSubnet("192.168.0.0", 16, "ipv4");
  list.addSubnet("169.254.0.0", 16, "ipv4");
  // Shared address space: overlay networks hand these out.
  list.addSubnet("100.64.0.0", 10, "ipv4");
  list.addSubnet("fc00::", 7, "ipv6");
  list.addSubnet("fe80::", 10, "ipv6");
  return list;
}

function isExempt(host: string, port: string, noProxy: string): boolean {
  return noProxy
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => matchesExemption(host, port, entry.toLowerCase()));
}

function matchesExemption(host: string, port: string, entry: string): boolean {
  if (entry === "*") return true;
  const subnet = /^(.+)\/(\d{1,3})$/.exec(entry);
  if (subnet !== null) return isInSubnet(host, subnet[1] ?? "", Number(subnet[2]));
  const withPort = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(entry);
  if (withPort !== null && withPort[3] !== port) return false;
  const name = (withPort?.[1] ?? withPort?.[2] ?? entry).replace(/^\[|\]$/g, "").replace(/^\*?\./, "");
  return host === name || host.endsWith(`.${name}`);
}

function isInSubnet(host: string, network: string, prefix: number): boolean {
  const family = isIP(network);
  if (family === 0 || isIP(host) !== family || prefix > (family === 6 ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(network, prefix, family === 6 ? "ipv6" : "ipv4");
  return contains(list, host);
}
