import type { Clock } from "../platform/clock.ts";
import type { OnFault } from "../platform/fault.ts";
import type { ScheduleTurn } from "../platform/loop-turn.ts";
import { type CoordinatorFrame, closeCodes, type NodeFrame } from "../protocol/link/v1/frames.ts";
import { faultCloseCode, toCloseReason } from "./close-reason.ts";
import type { CoordinatorLink, LinkServerHandlers } from "./coordinator-link.ts";
import { createFloodWatch } from "./flood-watch.ts";
import { decodeNodeFrames } from "./frame-codec.ts";
import { createLifeCheck } from "./life-check.ts";
import { isSilent } from "./liveness.ts";
import { createOutbox, type OutboxSocket } from "./outbox.ts";

/** Time for the first `hello` after the WebSocket is open. */
export const helloLimitMs = 10_000;

/** The part of a server-side WebSocket that a link drives. */
export interface AcceptedSocket extends OutboxSocket {
  readonly close: (code: number, reason: string) => void;
}

export interface AcceptedLinkDeps<Principal> {
  readonly principal: Principal;
  readonly remoteAddress: string;
  readonly socket: AcceptedSocket;
  readonly clock: Clock;
  readonly scheduleTurn: ScheduleTurn;
  readonly handlers: LinkServerHandlers<Principal>;
  /** It was closed because it sent too much. */
  readonly onFlood: (reason: string) => void;
  /** It was closed because the peer broke the protocol. */
  readonly onBreach: () => void;
  /** A handler threw: a fault of this program, confined to this link. */
  readonly onFault: OnFault;
}

/** A link and the side of it that only the link server sees. */
export interface AcceptedLink<Principal> {
  readonly link: CoordinatorLink<Principal>;
  /** A message arrived; null when it was binary. */
  readonly receive: (text: string | null) => void;
  /** The WebSocket itself was pinged, or answered. */
  readonly pinged: () => void;
  /** The socket has room again. */
  readonly drained: () => void;
  /** The socket is gone. */
  readonly gone: (code: number, reason: string) => void;
  /** Looks at the deadlines; pings when nothing was sent for a beat. */
  readonly sweep: (nowMs: number, beatMs: number) => void;
  /** This process stood still: deadlines start again. */
  readonly forgive: (nowMs: number) => void;
}

/**
 * One accepted link: `open → (hello) → linked → closed`. Everything that ends it, here or at the peer, passes through
 * `finish`, which tells the handlers exactly once, after the handler that may be running.
 */
export function createAcceptedLink<Principal>(deps: AcceptedLinkDeps<Principal>): AcceptedLink<Principal> {
  const { clock, handlers, socket } = deps;
  const openedAtMs = clock.monotonicMs();
  const flood = createFloodWatch();
  const life = createLifeCheck({ clock, ping: () => send({ type: "ping" }) });
  let lastSeenMs = openedAtMs;
  let lastSentMs = openedAtMs;
  let helloDueMs = openedAtMs + helloLimitMs;
  let hasHello = false;
  let isOpen = true;

  const outbox = createOutbox<CoordinatorFrame>({
    socket,
    scheduleTurn: deps.scheduleTurn,
    onTooSlow: () => close(closeCodes.tooSlow, "the peer reads too slowly"),
  });

  const finish = (code: number, reason: string) => {
    isOpen = false;
    outbox.halt();
    life.settle(false);
    queueMicrotask(() => {
      const unsent = outbox.close();
      guard(() => handlers.onClosed(link, { code, reason }, unsent));
    });
  };

  const close = (code: number, reason: string) => {
    if (!isOpen) return;
    outbox.flush();
    if (!isOpen) return;
    finish(code, reason);
    socket.close(code, toCloseReason(reason));
  };

  const guard = (call: () => void) => {
    try {
      call();
    } catch (error) {
      deps.onFault(error);
      close(faultCloseCode, "INTERNAL");
    }
  };

  const send = (frame: CoordinatorFrame) => {
    lastSentMs = clock.monotonicMs();
    outbox.send(frame);
  };

  const closeFlooded = (reason: string) => {
    if (!isOpen) return;
    close(closeCodes.protocolError, reason);
    deps.onFlood(reason);
  };

  const closeBroken = (reason: string) => {
    close(closeCodes.protocolError, reason);
    deps.onBreach();
  };

  const link: CoordinatorLink<Principal> = {
    principal: deps.principal,
    remoteAddress: deps.remoteAddress,
    get isOpen() {
      return isOpen;
    },
    get lastSeenMs() {
      return lastSeenMs;
    },
    send,
    close,
    isAlive: (withinMs) => (isOpen ? life.ask(withinMs) : Promise.resolve(false)),
    countUseless: (length) => {
      const tooMuch = isOpen ? flood.takeUseless(length, clock.monotonicMs()) : null;
      if (tooMuch !== null) closeFlooded(tooMuch);
    },
  };

  return {
    link,
    receive: (text) => {
      if (!isOpen) return;
      lastSeenMs = clock.monotonicMs();
      if (text === null) return closeBroken("the message is not text");
      const decoded = decodeNodeFrames(text);
      if (!decoded.ok) return closeBroken(decoded.reason);
      const misplaced = misplacedHello(decoded.frames, hasHello);
      if (misplaced !== null) return closeBroken(misplaced);
      const tooMuch = flood.takeMessage({ ...decoded, bytes: text.length }, lastSeenMs);
      if (tooMuch !== null) return closeFlooded(tooMuch);
      life.settle(true);
      const frames = decoded.frames.some(isPong)
        ? decoded.frames.filter((frame) => !isPong(frame))
        : decoded.frames;
      if (frames.length === 0) return;
      hasHello = true;
      guard(() => handlers.onFrames(link, frames));
    },
    pinged: () => {
      const tooMuch = isOpen ? flood.takePing(clock.monotonicMs()) : null;
      if (tooMuch !== null) closeFlooded(tooMuch);
    },
    drained: outbox.resume,
    gone: (code, reason) => {
      if (isOpen) finish(code, reason);
    },
    sweep: (nowMs, beatMs) => {
      if (!isOpen) return;
      if (!hasHello && nowMs > helloDueMs) return close(closeCodes.protocolError, "no hello");
      if (isSilent(lastSeenMs, nowMs, beatMs)) return close(closeCodes.silent, "no sign of life");
      // The platform's drain event is what resumes; this only catches one that was missed.
      if (outbox.isHeld() && socket.bufferedBytes() === 0) outbox.resume();
      if (nowMs - lastSentMs >= beatMs) send({ type: "ping", quiet: true });
    },
    forgive: (nowMs) => {
      lastSeenMs = nowMs;
      helloDueMs = nowMs + helloLimitMs;
    },
  };
}

/** @returns why the frames are out of order: one `hello`, and it comes first; null when they are not */
function misplacedHello(frames: readonly NodeFrame[], hasHello: boolean): string | null {
  if (!hasHello && frames.length > 0 && frames[0]?.type !== "hello") return "the first frame is not hello";
  const hasSecond = frames.some((frame, index) => frame.type === "hello" && (hasHello || index > 0));
  return hasSecond ? "a second hello" : null;
}

function isPong(frame: NodeFrame): boolean {
  return frame.type === "pong";
}
