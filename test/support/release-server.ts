import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a server of releases does wrong; nothing unless said. */
export interface ReleaseFaults {
  /** Bytes after which the connection of a download is cut, for so many downloads. */
  readonly dies?: { readonly afterBytes: number; readonly times: number };
  /** The head of a download comes, and no byte of it. */
  readonly isSilent?: boolean;
  readonly ignoresRange?: boolean;
  /** It names no ETag and no date. */
  readonly hasNoValidator?: boolean;
  /** Status of every download. */
  readonly status?: number;
  /** Where downloads are sent on to. */
  readonly redirect?: string;
  /** Pause after each {@link slowPieceBytes}. */
  readonly pauseMs?: number;
}

export type Checksums =
  | "right"
  /** Another hash stands there. */
  | "wrong"
  /** The file is missing. */
  | "missing"
  /** No line names the asset. */
  | "without_asset";

export interface SeenDownload {
  readonly path: string;
  readonly range: string | null;
  readonly ifRange: string | null;
}

/** A server on loopback with releases as GitHub has them: `<url>/<tag>/<asset>` and `<url>/<tag>/SHA256SUMS`. */
export interface ReleaseServer extends AsyncDisposable {
  readonly url: string;
  readonly publish: (
    tag: string,
    asset: string,
    content: { readonly bytes: Uint8Array | null; readonly checksums?: Checksums },
  ) => void;
  readonly fail: (faults: ReleaseFaults) => void;
  /** Downloads of assets, without those of checksums. */
  readonly downloads: readonly SeenDownload[];
}

export const slowPieceBytes = 16 * 1024;

export async function startReleaseServer(): Promise<ReleaseServer> {
  const files = new Map<string, Uint8Array>();
  const downloads: SeenDownload[] = [];
  let faults: ReleaseFaults = {};
  let deathsLeft = 0;

  const server = createServer((request, answer) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const bytes = files.get(path);
    if (path.endsWith("/SHA256SUMS")) {
      if (bytes === undefined) answer.writeHead(404).end("Not Found");
      else answer.end(bytes);
      return;
    }
    downloads.push({ path, range: header(request, "range"), ifRange: header(request, "if-range") });
    if (faults.redirect !== undefined) answer.writeHead(302, { location: faults.redirect }).end();
    else if (faults.status !== undefined) answer.writeHead(faults.status).end("fault");
    else if (bytes === undefined) answer.writeHead(404).end("Not Found");
    else void send(bytes, request, answer);
  });

  const send = async (bytes: Uint8Array, request: IncomingMessage, answer: ServerResponse) => {
    const etag = `"${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}"`;
    const start = startOf(request, { etag, bytes, faults });
    const rest = bytes.subarray(start);
    answer.writeHead(start > 0 ? 206 : 200, {
      "content-length": rest.length,
      ...(faults.hasNoValidator === true ? {} : { etag }),
      ...(start > 0 ? { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {}),
    });
    answer.flushHeaders();
    if (faults.isSilent === true) return;
    const dies = deathsLeft > 0 ? (faults.dies?.afterBytes ?? null) : null;
    if (dies !== null) {
      deathsLeft -= 1;
      if (dies > 0) answer.write(rest.subarray(0, dies));
      // A cut right behind the bytes would take those away from the reader that it has not looked at.
      await Bun.sleep(30);
      answer.socket?.destroy();
      return;
    }
    const pieceBytes = faults.pauseMs === undefined ? rest.length : slowPieceBytes;
    for (let at = 0; at < rest.length && !answer.destroyed; at += pieceBytes) {
      answer.write(rest.subarray(at, at + pieceBytes));
      if (faults.pauseMs !== undefined) await Bun.sleep(faults.pauseMs);
    }
    answer.end();
  };

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/releases`,
    downloads,
    fail: (next) => {
      faults = next;
      deathsLeft = next.dies?.times ?? 0;
    },
    publish: (tag, asset, { bytes, checksums = "right" }) => {
      const folder = `/releases/${tag}`;
      if (bytes === null) files.delete(`${folder}/${asset}`);
      else files.set(`${folder}/${asset}`, bytes);
      const sums = checksumLines(asset, bytes ?? new Uint8Array(), checksums);
      if (sums === null) files.delete(`${folder}/SHA256SUMS`);
      else files.set(`${folder}/SHA256SUMS`, new TextEncoder().encode(sums));
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function header(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === "string" ? value : null;
}

interface RangeOptions {
  readonly etag: string;
  readonly bytes: Uint8Array;
  readonly faults: ReleaseFaults;
}

function startOf(request: IncomingMessage, { etag, bytes, faults }: RangeOptions): number {
  const from = /^bytes=(\d+)-$/.exec(header(request, "range") ?? "")?.[1];
  if (from === undefined || faults.ignoresRange === true) return 0;
  const condition = header(request, "if-range");
  if (condition !== null && condition !== etag) return 0;
  return Number(from) < bytes.length ? Number(from) : 0;
}

function checksumLines(asset: string, bytes: Uint8Array, checksums: Checksums): string | null {
  if (checksums === "missing") return null;
  const other = `${"0".repeat(64)}  install.sh\n`;
  if (checksums === "without_asset") return other;
  const sum = checksums === "wrong" ? "f".repeat(64) : createHash("sha256").update(bytes).digest("hex");
  return `${other}${sum}  ${asset}\n`;
}
