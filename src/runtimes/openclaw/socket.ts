import type { GatewayProtocolSocket } from "@openclaw/gateway-client/browser";
import type { Clock } from "../../platform/clock.ts";

/** A frozen peer never answers a close; after so long the socket is torn down without it. */
const closeGraceMs = 250;

interface SocketHandlers {
  readonly open: () => void;
  readonly message: (data: string) => void;
  readonly close: (code: number, reason: string) => void;
  readonly error: (error: Error) => void;
}

/** The platform's WebSocket as the official client wants it. */
export function openSocket(url: string, clock: Clock, handlers: SocketHandlers): GatewayProtocolSocket {
  const socket = new WebSocket(url);
  let cancelTeardown: (() => void) | null = null;
  socket.addEventListener("open", () => handlers.open());
  socket.addEventListener("message", (event) => {
    if (typeof event.data === "string") handlers.message(event.data);
  });
  socket.addEventListener("close", (event) => {
    cancelTeardown?.();
    handlers.close(event.code, event.reason);
  });
  socket.addEventListener("error", () => handlers.error(new Error("the connection failed")));
  return {
    isOpen: () => socket.readyState === WebSocket.OPEN,
    send: (data) => socket.send(data),
    close: (code, reason) => {
      if (socket.readyState === WebSocket.CLOSED) return;
      // Codes below 3000 other than 1000 are for the platform; the peer does not need ours.
      socket.close(code !== undefined && code >= 3000 ? code : 1000, reason);
      cancelTeardown ??= clock.after(closeGraceMs, () => socket.terminate(), { unref: true });
    },
  };
}

/** A socket to nowhere, for an address that is not to be spoken to. */
export function createClosedSocket(handlers: Pick<SocketHandlers, "close">): GatewayProtocolSocket {
  queueMicrotask(() => handlers.close(1006, ""));
  return { isOpen: () => false, send: () => undefined, close: () => undefined };
}
