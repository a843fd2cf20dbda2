import { createConnection, createServer, type Socket } from "node:net";
import type { Clock } from "../platform/clock.ts";

/** What a proxy does to the connections that go through it. */
export type LinkMood = "well" | "cut" | "silent" | "delayed";

/** The way of one node to the coordinator: a TCP forwarder on loopback that can be broken. */
export interface LinkProxy {
  readonly port: number;
  readonly connectionCount: () => number;
  /**
   * `cut`: all connections are reset, and new ones too. `silent`: bytes and ends stop in both directions, new
   * connections are accepted and get no answer; at its end they are reset. `delayed`: every piece waits.
   */
  readonly setMood: (mood: LinkMood) => void;
  /** Later connections go to this port. */
  readonly retarget: (port: number) => void;
  readonly stop: () => Promise<void>;
}

const delayMs = 120;

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
}

export async function startLinkProxy(targetPort: number, clock: Clock): Promise<LinkProxy> {
  const pairs = new Set<Pair>();
  let port = targetPort;
  let mood: LinkMood = "well";

  const reset = () => {
    for (const { client, upstream } of pairs) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
    // Those that closed while it was silent tell nobody any more.
    pairs.clear();
  };

  const server = createServer((client) => {
    client.on("error", () => client.destroy());
    if (mood === "cut") {
      client.resetAndDestroy();
      return;
    }
    const upstream = createConnection({ host: "127.0.0.1", port });
    const pair = { client, upstream };
    pairs.add(pair);
    forward(client, upstream);
    forward(upstream, client);
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => onClose(pair));
      if (mood === "silent") socket.pause();
    }
  });

  const isLate = new WeakSet<Socket>();

  function forward(from: Socket, to: Socket): void {
    const write = (bytes: Buffer | string) => {
      if (to.writable && !to.write(bytes)) from.pause();
    };
    from.on("data", (bytes) => {
      // A delay that ends must not let later pieces overtake earlier ones: it stays for as long as the connection.
      if (mood === "delayed" || isLate.has(from)) {
        isLate.add(from);
        clock.after(delayMs, () => write(bytes));
      } else write(bytes);
    });
    to.on("drain", () => {
      if (mood !== "silent") from.resume();
    });
    from.on("end", () => {
      if (mood !== "silent") to.end();
    });
  }

  function onClose(pair: Pair): void {
    // While it is silent the other side must not learn of it.
    if (mood === "silent") return;
    pairs.delete(pair);
    pair.client.destroy();
    pair.upstream.destroy();
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  return {
    port: address === null || typeof address === "string" ? 0 : address.port,
    connectionCount: () => pairs.size,
    setMood: (next) => {
      const was = mood;
      mood = next;
      if (next === "cut" || was === "silent" || was === "delayed") reset();
      if (next !== "silent") return;
      for (const { client, upstream } of pairs) {
        client.pause();
        upstream.pause();
      }
    },
    retarget: (next) => {
      port = next;
    },
    stop: () => {
      mood = "cut";
      reset();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
