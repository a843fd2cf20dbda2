import type { Clock } from "../platform/clock.ts";
import type { ScheduleTurn } from "../platform/loop-turn.ts";
import { type CoordinatorFrame, closeCodes, type NodeFrame } from "../protocol/link/v1/frames.ts";
import { toCloseReason } from "./close-reason.ts";
import { decodeNodeFrames } from "./frame-codec.ts";
import type { LinkServerHandlers, LinkSession } from "./link-session.ts";
import { isSilent } from "./liveness.ts";
import { createOutbox, type OutboxSocket } from "./outbox.ts";

/** Time for the first `hello` after the WebSocket is open. */
export const helloLimitMs = 10_000;

/**
 * Messages of one beat that do no work (`status`, `capabilities`, `pong`, unknown frames only); a peer that sends more
 * is closed. Work itself is bounded by slots.
 */
export const maxIdleMessagesPerBeat = 1_000;

/** The part of a server-side WebSocket that a session drives. */
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
  /** A handler threw: a fault of this program, confined to this link. */
  readonly onFault: (error: unknown) => void;
}

/** A session and the side of it that only the link server sees. */
export interface AcceptedLink<Principal> {
  readonly session: LinkSession<Principal>;
  /** A message arrived; null when it was binary. */
  readonly receive: (text: string | null) => void;
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
  const aliveWaiters = new Set<(isAlive: boolean) => void>();
  let lastSeenMs = openedAtMs;
  let lastSentMs = openedAtMs;
  let helloDueMs = openedAtMs + helloLimitMs;
  let idleMessages = 0;
  let idleSinceMs = openedAtMs;
  let hasHello = false;
  let isOpen = true;

  const outbox = createOutbox<CoordinatorFrame>({
    socket,
    scheduleTurn: deps.scheduleTurn,
    onTooSlow: () => close(closeCodes.tooSlow, "the peer reads too slowly"),
  });

  const settleWaiters = (isAlive: boolean) => {
    for (const settle of aliveWaiters) settle(isAlive);
    aliveWaiters.clear();
  };

  const finish = (code: number, reason: string) => {
    isOpen = false;
    outbox.halt();
    settleWaiters(false);
    queueMicrotask(() => {
      const unsent = outbox.close();
      guard(() => handlers.onClosed(session, { code, reason }, unsent));
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
      close(internalErrorCode, "INTERNAL");
    }
  };

  const send = (frame: CoordinatorFrame) => {
    lastSentMs = clock.monotonicMs();
    outbox.send(frame);
  };

  const session: LinkSession<Principal> = {
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
    isAlive: (withinMs) => {
      if (!isOpen) return Promise.resolve(false);
      return new Promise((resolve) => {
        const settle = (isAlive: boolean) => {
          cancel();
          resolve(isAlive);
        };
        const cancel = clock.after(withinMs, () => {
          aliveWaiters.delete(settle);
          resolve(false);
        });
        aliveWaiters.add(settle);
        send({ type: "ping" });
      });
    },
  };

  /** @returns why the frames are out of order, or null */
  const misplacedHello = (frames: readonly NodeFrame[]): string | null => {
    let index = 0;
    for (const frame of frames) {
      const isFirst = !hasHello && index === 0;
      if (isFirst !== (frame.type === "hello"))
        return isFirst ? "the first frame is not hello" : "a second hello";
      index += 1;
    }
    return null;
  };

  /** @returns whether the peer has sent too much that does no work */
  const isFlooding = (frames: readonly NodeFrame[], nowMs: number): boolean => {
    if (frames.some(isWork)) return false;
    if (nowMs - idleSinceMs > idleWindowMs) {
      idleSinceMs = nowMs;
      idleMessages = 0;
    }
    idleMessages += 1;
    return idleMessages > maxIdleMessagesPerBeat;
  };

  return {
    session,
    receive: (text) => {
      if (!isOpen) return;
      lastSeenMs = clock.monotonicMs();
      if (text === null) return close(closeCodes.protocolError, "the message is not text");
      const decoded = decodeNodeFrames(text);
      if (!decoded.ok) return close(closeCodes.protocolError, decoded.reason);
      const misplaced = misplacedHello(decoded.frames);
      if (misplaced !== null) return close(closeCodes.protocolError, misplaced);
      if (isFlooding(decoded.frames, lastSeenMs)) {
        return close(closeCodes.protocolError, "too many messages without work");
      }
      if (aliveWaiters.size > 0) settleWaiters(true);
      const frames = decoded.frames.some(isPong)
        ? decoded.frames.filter((frame) => !isPong(frame))
        : decoded.frames;
      if (frames.length === 0) return;
      hasHello = true;
      guard(() => handlers.onFrames(session, frames));
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

/** WebSocket's own code for a fault of the server. */
const internalErrorCode = 1011;

/** Window in which {@link maxIdleMessagesPerBeat} are counted: the shortest beat. */
const idleWindowMs = 5_000;

function isPong(frame: NodeFrame): boolean {
  return frame.type === "pong";
}

function isWork(frame: NodeFrame): boolean {
  return frame.type !== "pong" && frame.type !== "status" && frame.type !== "capabilities";
}
