import { connect, createServer, type Socket } from "node:net";
import type { StartNodeAgentOptions } from "../../../src/node/index.ts";

/** An HTTP proxy that only connects, as companies have them. */
export interface ConnectProxy extends AsyncDisposable {
  readonly url: string;
  /** `host:port` of all that was asked for, in order. */
  readonly targets: () => readonly string[];
  /** Whether anything but TLS went through it. */
  readonly sawPlainText: () => boolean;
}

export async function startConnectProxy(): Promise<ConnectProxy> {
  const targets: string[] = [];
  const open = new Set<Socket>();
  let sawPlainText = false;
  const server = createServer((client) => {
    open.add(client);
    client.on("error", () => client.destroy());
    client.once("data", (head) => {
      const target = /^CONNECT (\S+) HTTP\/1\.1\r\n/.exec(head.toString("latin1"))?.[1];
      if (target === undefined) {
        sawPlainText = true;
        return client.end("HTTP/1.1 405 Method Not Allowed\r\n\r\n");
      }
      targets.push(target);
      const [host = "", port = ""] = target.split(":");
      const far = connect({ host, port: Number(port) }, () => {
        client.write("HTTP/1.1 200 Connection established\r\n\r\n");
        // A record of a TLS handshake begins with 22.
        client.once("data", (bytes) => {
          sawPlainText ||= bytes[0] !== 22;
          far.write(bytes);
          client.pipe(far);
        });
        far.pipe(client);
      });
      open.add(far);
      far.on("error", () => client.destroy());
      far.on("close", () => client.destroy());
      client.on("close", () => far.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    targets: () => targets,
    sawPlainText: () => sawPlainText,
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** For a node on loopback, which would not go through a proxy by itself. */
export function connectThroughProxies(
  proxy: string,
): Pick<StartNodeAgentOptions, "fetch" | "proxyForWebSocket"> {
  return {
    fetch: (url, init) => fetch(url, { ...init, proxy } as BunFetchRequestInit),
    proxyForWebSocket: () => proxy,
  };
}
