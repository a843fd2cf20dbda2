import { type Trust, tlsOptions } from "../platform/tls/trust.ts";
import type { Secret } from "../protocol/secret.ts";
/** Where a node dials and how it gets there. */
export interface DialTarget {
  /** `ws://…` or `wss://…` with the path of the link. */
  readonly url: string;
  /** Goes into the Authorization header. */
  readonly token: Secret;
  /** Address of an HTTP proxy; null: straight. The platform's WebSocket ignores the proxy variables. */
  readonly proxyUrl: string | null;
  /** Whom a `wss:` connection has to come from; null: the system decides. */
  readonly trust: Trust | null;
}

/** The client side of a WebSocket as the link uses it; events come through {@link DialEvents}. */
export interface DialedSocket {
  /** Ignored unless open. */
  readonly send: (text: string) => void;
  readonly isOpen: () => boolean;
  readonly bufferedBytes: () => number;
  readonly close: (code: number, reason: string) => void;
  /** Pings the WebSocket itself, which every server answers by itself; ignored unless open. */
  readonly ping: (payload: string) => void;
  /** Cuts the connection without a word. */
  readonly terminate: () => void;
}

export interface DialEvents {
  readonly onOpen: () => void;
  /** null: the message was binary. */
  readonly onMessage: (text: string | null) => void;
  /** The answer to the ping with this payload. */
  readonly onPong: (payload: string) => void;
  /** Once; also when the socket never opened. */
  readonly onClose: (code: number, reason: string) => void;
}

export type CreateDialSocket = (target: DialTarget, events: DialEvents) => DialedSocket;

/** The platform's WebSocket. */
export const createDialSocket: CreateDialSocket = (target, events) => {
  const socket = new WebSocket(target.url, {
    headers: { authorization: `Bearer ${target.token.reveal()}` },
    ...(target.proxyUrl === null ? {} : { proxy: target.proxyUrl }),
    ...(target.trust === null ? {} : { tls: tlsOptions(target.trust) }),
  });
  socket.onopen = events.onOpen;
  socket.onmessage = (event) => events.onMessage(typeof event.data === "string" ? event.data : null);
  // A `close` event follows every `error` event and says the same.
  socket.onerror = () => {};
  socket.onclose = (event) => events.onClose(event.code, event.reason);
  socket.addEventListener("pong", ({ data }) => events.onPong(data.toString("latin1")));
  const isOpen = () => socket.readyState === WebSocket.OPEN;
  return {
    send: (text) => socket.send(text),
    isOpen,
    bufferedBytes: () => socket.bufferedAmount,
    close: (code, reason) => socket.close(code, reason),
    ping: (payload) => {
      if (isOpen()) socket.ping(payload);
    },
    terminate: () => socket.terminate(),
  };
};
