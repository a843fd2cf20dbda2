import { connect } from "node:net";
import type { Clock } from "./clock.ts";
import { checkHost, type RefusedAddress, type ResolveName, systemResolve } from "./safe-address.ts";

export interface SafeRequest {
  /** http or https, without user and password. */
  readonly url: string;
  readonly method: "GET" | "POST" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For everything, from the look-up to the last byte. */
  readonly timeoutMs: number;
  /** Bytes of the answer's body. */
  readonly maxBytes: number;
  /** Bytes that are read of an answer with another status than 200; the rest is left. Default: `maxBytes`, and too large. */
  readonly maxErrorBytes?: number;
  /**
   * Redirects that are followed, {@link maxRedirects} at most. Default 0: a redirect is an answer. Each is an address from
   * outside like the first, and is judged like it.
   */
  readonly followRedirects?: number;
  readonly signal?: AbortSignal;
  /** Hears of the bytes of the answer's body as they come. `false`: they are too many beside others, and it ends as too large. */
  readonly onBytes?: (bytes: number) => boolean;
}

/** `wasWritten: false`: nothing of the request has left this machine, for certain. */
export type SafeAnswer =
  | { readonly kind: "answered"; readonly status: number; readonly headers: Headers; readonly text: string }
  /** The address may not be called. */
  | RefusedAddress
  /** `location` as the server wrote it: text from outside, never to be called without this module. */
  | { readonly kind: "redirected"; readonly status: number; readonly location: string | null }
  | { readonly kind: "too_large" }
  | { readonly kind: "timed_out"; readonly wasWritten: boolean }
  | { readonly kind: "aborted"; readonly wasWritten: boolean }
  /** No connection, or one that broke. */
  | { readonly kind: "broken"; readonly wasWritten: boolean; readonly reason: string };

/** Never rejects. */
export type SafeFetch = (request: SafeRequest) => Promise<SafeAnswer>;

export interface SafeFetchOptions {
  readonly clock: Clock;
  /** Whether private addresses, this machine's own among them, may be called. */
  readonly allowPrivate: boolean;
  readonly resolve?: ResolveName;
}

/** Longest wait for a connection. */
export const connectLimitMs = 5_000;

/** Redirects of one request, at most, whatever it asks for. */
export const maxRedirects = 3;

type Stop = Extract<SafeAnswer, { readonly kind: "timed_out" | "aborted" | "too_large" }>["kind"];

/**
 * One HTTP request to an address that came from outside. The name is resolved once, every address of it is judged, and the
 * connection goes to exactly the judged address, whatever the name says a moment later; the `Host` header and the name in
 * TLS stay. A redirect is an answer unless `followRedirects` says otherwise; proxies are not used, compressed bodies not
 * unpacked.
 */
export function createSafeFetch(options: SafeFetchOptions): SafeFetch {
  return async (request) => {
    const stop = createStop(request, options.clock);
    /** Whether a request before the present one was answered. */
    let wasRedirected = false;
    try {
      let hop: SafeRequest = request;
      for (let left = Math.min(request.followRedirects ?? 0, maxRedirects); ; left -= 1) {
        const answer = await askOnce(hop, options, stop);
        const next = answer.kind === "redirected" && left > 0 ? nextRequest(hop, answer) : null;
        if (next === null) return wasRedirected ? written(answer) : answer;
        wasRedirected = true;
        hop = next;
      }
    } finally {
      stop.end();
    }
  };
}

/** Never rejects. */
async function askOnce(
  request: SafeRequest,
  options: SafeFetchOptions,
  stop: StopSwitch,
): Promise<SafeAnswer> {
  const { clock, allowPrivate, resolve = systemResolve } = options;
  const url = parseSafeUrl(request.url);
  if (url === null) return { kind: "refused", why: "never", reason: "it is not an address to call" };
  let wasWritten = false;
  try {
    const checked = await stop.race(checkHost(url.hostname, { resolve, allowPrivate }));
    if (checked.kind === "refused") return checked;
    const port = Number(url.port === "" ? (url.protocol === "https:" ? 443 : 80) : url.port);
    await tryConnection({ host: checked.address, port, clock, signal: stop.signal });
    wasWritten = true;
    const response = await fetch(pinnedUrl(url, checked.address), toInit(request, url, stop.signal));
    return await readAnswer(response, request, stop.give);
  } catch (error) {
    return toFailure(error, stop.why(), wasWritten);
  }
}

/** Headers that say nothing of who asks: what goes along to another origin. */
const harmlessHeaders: ReadonlySet<string> = new Set(["accept", "content-type", "user-agent"]);

/** What a redirect asks for; null: it names no address to call, or would leave TLS. */
function nextRequest(
  request: SafeRequest,
  { status, location }: Extract<SafeAnswer, { readonly kind: "redirected" }>,
): SafeRequest | null {
  const from = parseSafeUrl(request.url);
  const to =
    from === null || location === null ? null : parseSafeUrl(URL.parse(location, from.href)?.href ?? "");
  if (from === null || to === null || !redirectStatuses.has(status)) return null;
  if (from.protocol === "https:" && to.protocol !== "https:") return null;
  const { headers = {}, body, method, ...rest } = request;
  const isSameOrigin = from.origin === to.origin;
  const kept = Object.entries(headers).filter(
    ([name]) => isSameOrigin || harmlessHeaders.has(name.toLowerCase()),
  );
  const keepsBody = status === 307 || status === 308;
  const next = { ...rest, url: to.href, headers: Object.fromEntries(kept) };
  if (keepsBody) return { ...next, method, ...(body === undefined ? {} : { body }) };
  return { ...next, method: method === "DELETE" ? method : "GET" };
}

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** The first request had left this machine, whatever became of a later one. */
function written(answer: SafeAnswer): SafeAnswer {
  return "wasWritten" in answer ? { ...answer, wasWritten: true } : answer;
}

function toFailure(error: unknown, why: Stop | null, wasWritten: boolean): SafeAnswer {
  if (why === "too_large") return { kind: "too_large" };
  if (why !== null) return { kind: why, wasWritten };
  const code = errorCode(error);
  // The first connection was taken, the second was not: still nothing was sent.
  return { kind: "broken", wasWritten: wasWritten && code !== "ECONNREFUSED", reason: code };
}

function parseSafeUrl(text: string): URL | null {
  const url = URL.parse(text);
  if (url === null || url.hostname === "" || url.username !== "" || url.password !== "") return null;
  return url.protocol === "http:" || url.protocol === "https:" ? url : null;
}

function pinnedUrl(url: URL, address: string): string {
  const host = address.includes(":") ? `[${address}]` : address;
  return `${url.protocol}//${host}${url.port === "" ? "" : `:${url.port}`}${url.pathname}${url.search}`;
}

function toInit(request: SafeRequest, url: URL, signal: AbortSignal): BunFetchRequestInit {
  const isSecure = url.protocol === "https:";
  return {
    method: request.method,
    headers: { ...request.headers, "accept-encoding": "identity", host: url.host },
    ...(request.body === undefined ? {} : { body: request.body }),
    ...(isSecure ? { tls: { serverName: url.hostname.replace(/\.$/, "") } } : {}),
    redirect: "manual",
    // A pooled connection may be half dead, and then nobody knows what was read of the request.
    keepalive: false,
    decompress: false,
    proxy: false,
    signal,
  } as BunFetchRequestInit;
}

async function readAnswer(
  response: Response,
  { maxBytes, maxErrorBytes, onBytes }: SafeRequest,
  give: (why: Stop) => void,
): Promise<SafeAnswer> {
  const { status, headers } = response;
  if (status >= 300 && status < 400) {
    await response.body?.cancel();
    return { kind: "redirected", status, location: headers.get("location") };
  }
  const cutAt = status === 200 ? undefined : maxErrorBytes;
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.byteLength;
    const isTooMuch = cutAt === undefined && bytes > maxBytes;
    if (isTooMuch || onBytes?.(part.byteLength) === false) {
      give("too_large");
      return { kind: "too_large" };
    }
    parts.push(part);
    // Leaving the loop cancels the body.
    if (cutAt !== undefined && bytes >= cutAt) break;
  }
  const text = Buffer.concat(parts).subarray(0, cutAt).toString("utf8");
  return { kind: "answered", status, headers, text };
}

/** Whether there is a server, found out before anything is written, so that "never written" can be told for certain. */
async function tryConnection(to: {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ host: to.host, port: to.port });
  socket.once("connect", resolve);
  socket.on("error", reject);
  const onAbort = () => reject(to.signal.reason);
  to.signal.addEventListener("abort", onAbort, { once: true });
  if (to.signal.aborted) onAbort();
  const forget = to.clock.after(connectLimitMs, () => reject({ code: "ETIMEDOUT" }));
  try {
    await promise;
  } finally {
    forget();
    to.signal.removeEventListener("abort", onAbort);
    socket.destroy();
  }
}

type StopSwitch = ReturnType<typeof createStop>;

/** One end for all waits of a request: its time, its caller, its size. */
function createStop({ timeoutMs, signal: callerSignal }: SafeRequest, clock: Clock) {
  const controller = new AbortController();
  let why: Stop | null = null;
  const give = (reason: Stop) => {
    why ??= reason;
    controller.abort();
  };
  const onAbort = () => give("aborted");
  const forget = clock.after(timeoutMs, () => give("timed_out"));
  callerSignal?.addEventListener("abort", onAbort, { once: true });
  if (callerSignal?.aborted === true) onAbort();
  return {
    signal: controller.signal,
    why: (): Stop | null => why,
    give,
    race: async <T>(work: Promise<T>): Promise<T> => {
      const aborted = Promise.withResolvers<never>();
      const fail = () => aborted.reject(controller.signal.reason);
      controller.signal.addEventListener("abort", fail, { once: true });
      if (controller.signal.aborted) fail();
      try {
        return await Promise.race([work, aborted.promise]);
      } finally {
        controller.signal.removeEventListener("abort", fail);
      }
    },
    end: () => {
      forget();
      callerSignal?.removeEventListener("abort", onAbort);
    },
  };
}

function errorCode(error: unknown): string {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : null;
  return typeof code === "string" ? code : "unknown error";
}
