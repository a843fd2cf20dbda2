import type { Clock } from "../../platform/clock.ts";
import type { Secret } from "../../protocol/secret.ts";
import { readFrame, type ServerFrame } from "./chat-frames.ts";

export interface ChatAddress {
  /** `ws://127.0.0.1:42617`, with the path in front of ZeroClaw's own, if any. */
  readonly wsUrl: string;
  readonly agent: string;
  readonly sessionId: string;
  /** How ZeroClaw lists the conversation; null: by its id. */
  readonly name: string | null;
  /** Goes into the Authorization header, never into the address. */
  readonly token: Secret | null;
}

interface ChatHandlers {
  /** Of a frame that is read at all. */
  readonly maxFrameLength: number;
  readonly onFrame: (frame: ServerFrame) => void;
  /** Once; also when the socket never opened. */
  readonly onClose: () => void;
}

export interface ChatSocket {
  /** Ignored unless open. */
  readonly send: (frame: object) => void;
  readonly close: () => void;
}

/** A frozen peer never answers a close; after so long the socket is torn down without it. */
const closeGraceMs = 250;

/** Characters of a conversation's name that are passed on. */
const maxNameLength = 128;

/** The WebSocket of one session. The gateway cancels the turn of a socket that is closed. */
export function openChatSocket(address: ChatAddress, clock: Clock, handlers: ChatHandlers): ChatSocket {
  const { token } = address;
  const socket = new WebSocket(toChatUrl(address), {
    protocols: ["zeroclaw.v1"],
    ...(token === null ? {} : { headers: { authorization: `Bearer ${token.reveal()}` } }),
  });
  let cancelTeardown: (() => void) | null = null;
  let isOver = false;
  socket.addEventListener("message", ({ data }) => {
    if (!isOver && typeof data === "string") handlers.onFrame(readFrame(data, handlers.maxFrameLength));
  });
  // A `close` event follows every `error` event and says the same.
  socket.addEventListener("error", () => {});
  socket.addEventListener("close", () => {
    cancelTeardown?.();
    if (isOver) return;
    isOver = true;
    handlers.onClose();
  });
  return {
    send: (frame) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
    },
    close: () => {
      if (socket.readyState === WebSocket.CLOSED) return;
      socket.close(1000);
      cancelTeardown ??= clock.after(closeGraceMs, () => socket.terminate(), { unref: true });
    },
  };
}

function toChatUrl({ wsUrl, agent, sessionId, name }: ChatAddress): string {
  const query = new URLSearchParams({ agent, session_id: sessionId });
  if (name !== null && name !== "") query.set("name", name.slice(0, maxNameLength));
  return `${wsUrl}/ws/chat?${query}`;
}
