import { createConnection, createServer, type Socket } from "node:net";

/** A TCP forwarder on loopback whose connections can be cut, made half-open or slowed down. */
export interface TcpProxy {
  readonly port: number;
  /** Connections that are open now. */
  readonly connectionCount: () => number;
  /** Resets all connections. */
  readonly cut: () => void;
  /**
   * true: bytes stop in both directions and ends are not passed on, as when a cable is pulled; new connections are
   * accepted and stay silent. false: what was held back goes on.
   */
  readonly goSilent: (isSilent: boolean) => void;
  /**
   * The open connections stay half-open for good, as when a router forgets them; new ones go through. Ends are not passed
   * on, and nothing that is under way arrives.
   */
  readonly strand: () => void;
  /** Every piece waits so long before it goes on, in order. */
  readonly delay: (ms: number) => void;
  /** New connections are reset at once. */
  readonly refuse: (isRefusing: boolean) => void;
  /** Later connections go to this port. */
  readonly retarget: (port: number) => void;
  readonly stop: () => Promise<void>;
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const stranded = new Set<Socket>();
  let port = targetPort;
  let isSilent = false;
  let isRefusing = false;
  let delayMs = 0;

  const forward = (from: Socket, to: Socket) => {
    from.on("data", (bytes) => {
      if (stranded.has(from)) return;
      if (delayMs === 0) {
        to.write(bytes);
        return;
      }
      const heldMs = delayMs;
      setTimeout(() => to.writable && to.write(bytes), heldMs);
    });
    from.on("end", () => {
      if (!isSilent && !stranded.has(from)) to.end();
    });
  };

  const server = createServer((client) => {
    if (isRefusing) {
      client.resetAndDestroy();
      return;
    }
    const upstream = createConnection({ host: "127.0.0.1", port });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        pairs.delete(pair);
        if (isSilent || stranded.delete(socket)) return;
        for (const other of pair) other.destroy();
      });
      if (isSilent) socket.pause();
    }
    forward(client, upstream);
    forward(upstream, client);
    if (isSilent) for (const socket of pair) socket.pause();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");

  const cut = () => {
    for (const [client, upstream] of pairs) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
  };
  return {
    port: address.port,
    connectionCount: () => pairs.size,
    cut,
    goSilent: (silent) => {
      isSilent = silent;
      for (const pair of pairs) for (const socket of pair) silent ? socket.pause() : socket.resume();
    },
    strand: () => {
      for (const pair of pairs) for (const socket of pair) stranded.add(socket);
      pairs.clear();
    },
    delay: (ms) => {
      delayMs = ms;
    },
    refuse: (refusing) => {
      isRefusing = refusing;
    },
    retarget: (newPort) => {
      port = newPort;
    },
    stop: () => {
      isSilent = false;
      cut();
      for (const socket of stranded) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
