import { MeshError } from "../../protocol/errors.ts";
import { type NamedHost, parseHost, toHostName } from "./host-name.ts";

/**
 * Checks for what browsers send by themselves. A browser adds a cookie to a request that any page made it send, and
 * believes what the DNS says about a name; so whatever comes with a cookie, or from a page, has to be called by a name
 * that no stranger can point here, and to come from a page of this coordinator. Who shows a bearer token and no Origin has
 * put it there himself, and is not checked. docs/reference/http-api.md has the rules in words.
 */
export interface BrowserChecks {
  /** Throws HOST_INVALID for a Host header that is not one name or address. */
  readonly assertHost: (headers: Headers) => void;
  /** Throws HOST_NOT_ALLOWED unless the Host is an address, `localhost`, this machine or an allowed name. */
  readonly assertOwnHost: (headers: Headers) => void;
  /** As `assertOwnHost`, as an answer. */
  readonly isOwnHost: (headers: Headers) => boolean;
  /**
   * Throws ORIGIN_NOT_ALLOWED when the request comes from a page of somebody else; `isChange`: also when it does not say
   * where it comes from.
   */
  readonly assertOwnPage: (headers: Headers, about: PageRequest) => void;
  /** Whether the Host is a name of the configuration. */
  readonly isConfiguredHost: (headers: Headers) => boolean;
}

interface PageRequest {
  /** Of this server, as it is spoken here. */
  readonly scheme: "http" | "https";
  readonly isChange: boolean;
}

interface BrowserCheckOptions {
  /** Names from the configuration. */
  readonly allowedHosts: readonly string[];
  readonly machineNames: readonly string[];
}

const defaultPorts = { http: 80, https: 443 } as const;

export function createBrowserChecks(options: BrowserCheckOptions): BrowserChecks {
  const allowed = new Set(options.allowedHosts.map(toHostName));
  const own = new Set(["localhost", ...options.machineNames.map(toHostName), ...allowed]);
  // Nearly all requests name the same Host.
  let lastGood: string | null = null;

  const readHost = (headers: Headers): NamedHost => {
    const host = parseHost(headers.get("host") ?? "");
    if (host === null) throw new MeshError("HOST_INVALID", "The Host header is not one name or address.");
    return host;
  };

  const isOwn = ({ isAddress, name }: NamedHost): boolean => isAddress || own.has(name);

  const isOwnOrigin = (origin: string, host: NamedHost, scheme: "http" | "https"): boolean => {
    const parts = /^(https?):\/\/(.+)$/i.exec(origin);
    const from = parts?.[1]?.toLowerCase() === "https" ? "https" : "http";
    const named = parts === null ? null : parseHost(parts[2] ?? "");
    if (named === null || named.name !== host.name) return false;
    // A proxy in front may speak TLS for an allowed name, and passes the Host on; the port is that of the page then. The
    // other way round it is a page that anybody on its way could have written.
    const isBehindTls = from === "https" && scheme === "http" && allowed.has(host.name);
    if (from !== scheme && !isBehindTls) return false;
    return (named.port ?? defaultPorts[from]) === (host.port ?? defaultPorts[from]);
  };

  return {
    assertHost: (headers) => {
      const text = headers.get("host");
      if (text !== null && text === lastGood) return;
      readHost(headers);
      lastGood = text;
    },
    isOwnHost: (headers) => isOwn(readHost(headers)),
    assertOwnHost: (headers) => {
      const host = readHost(headers);
      if (isOwn(host)) return;
      throw new MeshError("HOST_NOT_ALLOWED", `Browsers may not call this coordinator "${host.name}".`);
    },
    assertOwnPage: (headers, { scheme, isChange }) => {
      const origin = headers.get("origin");
      const site = headers.get("sec-fetch-site");
      if (site !== null && site !== "same-origin" && (isChange || site !== "none")) {
        throw notOwn(`a page of another site (${site})`);
      }
      if (origin === null) {
        if (isChange && site === null) throw notOwn("nobody knows where: it has no Origin");
        return;
      }
      if (!isOwnOrigin(origin, readHost(headers), scheme)) throw notOwn("a page of another origin");
    },
    isConfiguredHost: (headers) => allowed.has(readHost(headers).name),
  };
}

function notOwn(from: string): MeshError {
  return new MeshError("ORIGIN_NOT_ALLOWED", `This request comes from ${from}.`);
}
