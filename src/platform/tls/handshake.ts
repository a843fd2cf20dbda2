import { X509Certificate } from "node:crypto";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import { MeshError } from "../../protocol/errors.ts";
import type { Clock } from "../clock.ts";
import { coordinatorName } from "./trust.ts";

/** Longest wait for the whole handshake. */
export const handshakeLimitMs = 10_000;

/** Certificates of a chain that are looked at, and bytes of a proxy's answer. */
const maxChainLength = 10;
const maxProxyAnswerLength = 16 * 1024;

interface HandshakeOptions {
  /** `https://…` */
  readonly url: string;
  /** An `http://` proxy that connects; null: straight. */
  readonly proxyUrl: string | null;
  readonly clock: Clock;
}

type Chain = readonly [X509Certificate, ...X509Certificate[]];

/**
 * What a TLS server shows of itself, its own certificate first. Nothing is sent but the handshake, and nothing is judged:
 * that is the caller's part.
 * @throws MeshError COORDINATOR_UNREACHABLE, also for a port that does not speak TLS; PROXY_IN_THE_WAY; USAGE for a proxy that
 *   is not given as `http://host:port`
 */
export async function fetchCertificates(options: HandshakeOptions): Promise<Chain> {
  const url = new URL(options.url);
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = url.port === "" ? 443 : Number(url.port);
  const open: Socket[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<Chain>();
  const fail = (error: unknown) => reject(toUnreachable(url.origin, error));
  const forget = options.clock.after(handshakeLimitMs, () => fail(null));
  const shake = (socket: Socket | null) => {
    const servername = isIP(host) === 0 ? host : coordinatorName;
    const way = socket === null ? { host, port } : { socket };
    const secure = connectTls({ ...way, servername, rejectUnauthorized: false });
    open.push(secure);
    secure.once("secureConnect", () => {
      const chain = readChain(secure);
      if (chain === null) fail(null);
      else resolve(chain);
    });
    secure.on("error", fail);
    secure.on("close", () => fail(null));
  };
  try {
    if (options.proxyUrl === null) shake(null);
    else shake(await openTunnel(options.proxyUrl, { host: url.hostname, port }, { open, fail, promise }));
    return await promise;
  } finally {
    forget();
    for (const socket of open) socket.destroy();
    // A failure that came after the result, or instead of a tunnel, was told already.
    promise.catch(() => {});
  }
}

interface Tunnel {
  readonly open: Socket[];
  readonly fail: (error: unknown) => void;
  readonly promise: Promise<unknown>;
}

async function openTunnel(
  proxyUrl: string,
  to: { readonly host: string; readonly port: number },
  { open, fail, promise }: Tunnel,
): Promise<Socket> {
  const { proxy, login } = parseProxy(proxyUrl);
  const port = proxy.port === "" ? 80 : Number(proxy.port);
  const socket = connectTcp({ host: proxy.hostname.replace(/^\[(.*)\]$/, "$1"), port });
  open.push(socket);
  socket.on("error", fail);
  socket.on("close", () => fail(null));
  const target = `${to.host}:${to.port}`;
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${login}\r\n`);
  const answered = Promise.withResolvers<void>();
  let answer = "";
  const read = (bytes: Buffer) => {
    answer += bytes.toString("latin1");
    if (answer.length > maxProxyAnswerLength) return fail(null);
    if (!answer.includes("\r\n\r\n")) return;
    socket.off("data", read);
    if (/^HTTP\/1\.[01] 200\b/.test(answer)) return answered.resolve();
    const status = /^HTTP\/1\.[01] (\d{3}[ -~]{0,80})/.exec(answer)?.[1] ?? "something else";
    fail(
      new MeshError("PROXY_IN_THE_WAY", `the proxy ${proxy.host} answered ${status} instead of ${target}`),
    );
  };
  socket.on("data", read);
  await Promise.race([answered.promise, promise]);
  return socket;
}

interface Proxy {
  readonly proxy: URL;
  /** The header with user and password, and its line end; empty without them. */
  readonly login: string;
}

function parseProxy(text: string): Proxy {
  const proxy = URL.parse(text);
  // To speak to another kind of proxy in its way is not done here; to speak to it as to this one would give it the login in clear.
  if (proxy === null || proxy.protocol !== "http:") throw badProxy();
  if (proxy.username === "") return { proxy, login: "" };
  try {
    const user = decodeURIComponent(`${proxy.username}:${proxy.password}`);
    return { proxy, login: `Proxy-Authorization: Basic ${Buffer.from(user).toString("base64")}\r\n` };
  } catch (cause) {
    throw badProxy(cause);
  }
}

/** Does not repeat the address: it may hold a password. */
function badProxy(cause?: unknown): MeshError {
  return new MeshError(
    "USAGE",
    "the proxy of the environment cannot be used to look at the coordinator's key",
    {
      hint: "Give HTTPS_PROXY as http://host:port, or name the coordinator in NO_PROXY.",
      cause,
    },
  );
}

function readChain(socket: TLSSocket): Chain | null {
  const chain: X509Certificate[] = [];
  const seen = new Set<string>();
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && !seen.has(next.fingerprint256) && chain.length < maxChainLength) {
    seen.add(next.fingerprint256);
    chain.push(new X509Certificate(next.raw));
    next = next.issuerCertificate;
  }
  const [leaf, ...rest] = chain;
  return leaf === undefined ? null : [leaf, ...rest];
}

function toUnreachable(origin: string, cause: unknown): MeshError {
  if (cause instanceof MeshError) return cause;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : null;
  const isPlain = code?.startsWith("ERR_SSL_") === true || code === "EPROTO";
  return new MeshError(
    "COORDINATOR_UNREACHABLE",
    `cannot reach the coordinator at ${origin}${code === null ? "" : ` (${code})`}`,
    {
      ...(isPlain
        ? { hint: "This port does not speak TLS. If the coordinator runs without it, use http://" }
        : {}),
      cause,
    },
  );
}
