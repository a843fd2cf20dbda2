/** A TCP proxy before the gateway that can take every connection away, and refuse new ones for a while. */
export interface CuttingProxy extends Disposable {
  /** `ws://127.0.0.1:<port>` */
  readonly url: string;
  /** Cuts all connections; with `refuseMs` new ones are cut at once for so long. */
  readonly cut: (refuseMs?: number) => void;
}

interface Pair {
  upstream: Awaited<ReturnType<typeof Bun.connect>> | null;
  readonly early: Uint8Array[];
}

export function startCuttingProxy(targetPort: number): CuttingProxy {
  const open = new Set<{ terminate: () => void }>();
  let refusesUntilMs = 0;
  const listener = Bun.listen<Pair>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: async (client) => {
        client.data = { upstream: null, early: [] };
        if (performance.now() < refusesUntilMs) return void client.terminate();
        open.add(client);
        const upstream = await Bun.connect({
          hostname: "127.0.0.1",
          port: targetPort,
          socket: {
            data: (_, bytes) => void client.write(bytes),
            close: () => void client.end(),
            error: () => client.terminate(),
          },
        });
        open.add(upstream);
        client.data.upstream = upstream;
        for (const bytes of client.data.early.splice(0)) upstream.write(bytes);
      },
      data: (client, bytes) => {
        if (client.data.upstream === null) client.data.early.push(new Uint8Array(bytes));
        else client.data.upstream.write(bytes);
      },
      close: (client) => {
        open.delete(client);
        client.data.upstream?.end();
      },
      error: (client) => client.terminate(),
    },
  });
  const cut = (refuseMs = 0) => {
    refusesUntilMs = performance.now() + refuseMs;
    for (const socket of open) socket.terminate();
    open.clear();
  };
  return {
    url: `ws://127.0.0.1:${listener.port}`,
    cut,
    [Symbol.dispose]: () => {
      cut();
      listener.stop(true);
    },
  };
}
