import { errorCodeOf } from "../../platform/atomic-file.ts";
import type { Environment } from "../../platform/environment.ts";
import { type HttpFetch, proxyForUrl } from "../../platform/http-fetch.ts";
import { MeshError } from "../../protocol/errors.ts";
import { requireTlsChecks } from "./tls-checks.ts";
import { isLoopbackHttp } from "./zeroclaw-release.ts";

/** Redirects that one request follows. */
const maxRedirects = 5;

const redirectStatuses: readonly number[] = [301, 302, 303, 307, 308];

/** Answers after which the same request may go well a little later. */
const passingStatuses: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

export interface ReleaseFetchDeps {
  readonly fetch: HttpFetch;
  readonly env: Environment;
}

export interface ReleaseFetchOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** The bytes as they come: some servers call a `.tar.gz` a tar that they have packed for the way. */
  readonly isRaw: boolean;
}

/** A failure to get a file. `passing`: the next try may go well. `unreachable`: nothing answered at all. */
export interface FetchFailure {
  readonly error: MeshError;
  readonly kind: "passing" | "unreachable" | "final";
}

export type FetchOutcome =
  | { readonly response: Response; readonly failure: null }
  | { readonly response: null; readonly failure: FetchFailure };

/**
 * Asks for a file of a release; every address on the way is https, or this machine's own when the first one is. Rejects only
 * with the reason of `signal`, or DOWNLOAD_FAILED where no certificate would be checked.
 */
export async function fetchRelease(
  address: string,
  options: ReleaseFetchOptions,
  deps: ReleaseFetchDeps,
): Promise<FetchOutcome> {
  const mayBeLoopback = isLoopbackHttp(new URL(address));
  let url = address;
  for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
    if (url.startsWith("https:")) requireTlsChecks(deps.env);
    let response: Response;
    try {
      response = await deps.fetch(url, {
        method: "GET",
        redirect: "manual",
        // The bytes are counted, gone on with and hashed as they are.
        headers: { ...options.headers, "accept-encoding": "identity" },
        signal: options.signal,
        ...(options.isRaw ? { decompress: false } : {}),
      } satisfies BunFetchRequestInit);
    } catch (error) {
      options.signal.throwIfAborted();
      return { response: null, failure: toConnectionFailure(error, url, deps.env) };
    }
    if (!redirectStatuses.includes(response.status)) return judgeResponse(response, url, deps.env);
    await response.body?.cancel();
    const next = URL.parse(response.headers.get("location") ?? "", url);
    if (next === null) return finalFailure(`${toShownUrl(url)} redirects to no address`);
    if (next.protocol !== "https:" && !(mayBeLoopback && isLoopbackHttp(next))) {
      return finalFailure(`${toShownUrl(url)} redirects to ${toShownUrl(next.href)}, which is not https`);
    }
    url = next.href;
  }
  return finalFailure(`${toShownUrl(address)} redirects more than ${maxRedirects} times`);
}

async function judgeResponse(response: Response, url: string, env: Environment): Promise<FetchOutcome> {
  const { status } = response;
  if (status === 200 || status === 206 || status === 416) return { response, failure: null };
  await response.body?.cancel();
  const proxy = proxyForUrl(url, env);
  const isOfProxy = status === 407 || (proxy !== null && passingStatuses.includes(status));
  const error = isOfProxy
    ? proxyError(`${proxyName(proxy)} answered ${status} for ${toShownUrl(url)}`)
    : new MeshError("DOWNLOAD_FAILED", `${toShownUrl(url)} was answered with HTTP ${status}`, {
        ...(status === 404
          ? { hint: "Check the version that --runtime-version names, and CLAW_MESH_ZEROCLAW_RELEASES." }
          : {}),
        details: { status },
      });
  return { response: null, failure: { error, kind: passingStatuses.includes(status) ? "passing" : "final" } };
}

function finalFailure(message: string): FetchOutcome {
  return { response: null, failure: { error: new MeshError("DOWNLOAD_FAILED", message), kind: "final" } };
}

/** What the platform's fetch says of a connection that it did not get, or that broke. */
export function toConnectionFailure(error: unknown, url: string, env: Environment): FetchFailure {
  const code = errorCodeOf(error) ?? "unknown reason";
  const proxy = proxyForUrl(url, env);
  const { hostname } = new URL(url);
  if (code === "ERR_PROXY_TUNNEL") {
    const said = error instanceof Error ? error.message : "";
    return {
      error: proxyError(`${proxyName(proxy)} does not let through to ${hostname}: ${said}`, error),
      kind: "final",
    };
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN" || code === "EAI_FAIL") {
    return unreachable(`the name ${hostname} was not found (${code})`, error);
  }
  if (code === "ECONNREFUSED" || code === "ENETUNREACH" || code === "EHOSTUNREACH") {
    const who = proxy === null ? hostname : proxyName(proxy);
    return unreachable(`${who} cannot be reached (${code})`, error);
  }
  if (code.includes("CERT") || code.includes("SIGNATURE") || code.includes("SELF_SIGNED")) {
    const failed = new MeshError(
      "DOWNLOAD_FAILED",
      `the certificate of ${hostname} is not trusted (${code})`,
      {
        hint: certificateHint(code),
        cause: error,
      },
    );
    return { error: failed, kind: "final" };
  }
  const failed = new MeshError("DOWNLOAD_FAILED", `the connection to ${hostname} broke (${code})`, {
    cause: error,
  });
  return { error: failed, kind: "passing" };
}

/** A machine without a battery for its clock starts in the past. */
export function certificateHint(code: string): string {
  if (/EXPIRED|NOT_YET_VALID/.test(code))
    return "Check date and time of this machine: by its clock the certificate is not valid now.";
  return "When a proxy looks into TLS here, name its certificate in NODE_EXTRA_CA_CERTS.";
}

function unreachable(message: string, cause: unknown): FetchFailure {
  const hint =
    "Check the network and HTTPS_PROXY, then run the same command again: it goes on where it stopped. Without a network, see docs/how-to/auto-install.md.";
  return { error: new MeshError("DOWNLOAD_FAILED", message, { hint, cause }), kind: "unreachable" };
}

function proxyError(message: string, cause?: unknown): MeshError {
  return new MeshError("DOWNLOAD_FAILED", message, {
    hint: "Check HTTPS_PROXY (http://user:password@host:port where it asks for a user), or name hosts that need no proxy in NO_PROXY.",
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Without the password that its address may hold. */
function proxyName(proxy: string | null): string {
  const url = proxy === null ? null : URL.parse(proxy);
  return url === null ? "the proxy" : `the proxy ${url.host}`;
}

/** Release servers redirect to addresses whose query is a key of a kind. */
function toShownUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}
