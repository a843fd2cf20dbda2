import { connect } from "node:net";
import type { Clock } from "./clock.ts";

/** Longest wait for the connection. */
const limitMs = 3_000;

/** The address of this machine that a connection to there comes from; null when there is none. IPv6 comes in brackets. */
export async function findOutboundAddress(
  to: { readonly host: string; readonly port: number },
  clock: Clock,
): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const socket = connect({ host: to.host.replace(/^\[(.*)\]$/, "$1"), port: to.port });
  socket.once("connect", () => resolve(socket.localAddress ?? null));
  socket.on("error", () => resolve(null));
  const forget = clock.after(limitMs, () => resolve(null));
  try {
    const address = await promise;
    return address?.includes(":") === true ? `[${address}]` : address;
  } finally {
    forget();
    socket.destroy();
  }
}
