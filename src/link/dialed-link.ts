import type { CancelTimer, Clock } from "../platform/clock.ts";
import type { OnFault } from "../platform/fault.ts";
import type { ScheduleTurn } from "../platform/loop-turn.ts";
import {
  type CoordinatorFrame,
  closeCodes,
  type HelloFrame,
  type NodeFrame,
  type WelcomeFrame,
} from "../protocol/link/v1/frames.ts";
import { faultCloseCode, toCloseReason } from "./close-reason.ts";
import type { CreateDialSocket, DialTarget } from "./dial-socket.ts";
import { decodeCoordinatorFrames } from "./frame-codec.ts";
import { createLifeCheck } from "./life-check.ts";
import { createOutbox } from "./outbox.ts";
import { createSilenceWatch } from "./silence-watch.ts";

/** Time to open the WebSocket, and again from there to `welcome`. */
export const dialLimitMs = 10_000;

/** Bytes in the socket's buffer above which frames stay in the outbox. */
const highWaterBytes = 1024 * 1024;

/** How often a full socket buffer is looked at; the platform's client socket has no event for it. */
const drainPollMs = 5;

/** Time the coordinator has to answer a close frame before the socket is cut. */
const closeLimitMs = 1_000;

/** The codes below are never sent; they say on this side why a dial came to nothing. */
export const dialFailed = 1006;

export type WorkFrame = Exclude<CoordinatorFrame, { type: "welcome" } | { type: "ping" }>;

export interface DialedLinkDeps {
  readonly createSocket: CreateDialSocket;
  readonly target: DialTarget;
  readonly hello: () => HelloFrame;
  readonly clock: Clock;
  readonly scheduleTurn: ScheduleTurn;
  readonly onWelcome: (welcome: WelcomeFrame) => void;
  /** All frames of one message but `welcome` and `ping`; only after `onWelcome`. */
  readonly onFrames: (frames: readonly WorkFrame[]) => void;
  /** Once, whoever ended it, and not within the call that did. */
  readonly onClosed: (why: ClosedLink) => void;
  /** One of the callbacks above threw; the link is closed with 1011, as it may have lost frames. */
  readonly onFault: OnFault;
}

export interface ClosedLink {
  readonly code: number;
  readonly reason: string;
  /** Whether the WebSocket was ever open. */
  readonly hasOpened: boolean;
  readonly wasWelcomed: boolean;
}

/** One dialed connection, from the dial to its close; never dials again. */
export interface DialedLink {
  /** Does nothing once closed. */
  readonly send: (frame: NodeFrame) => void;
  /** Resolves true when little waits to be sent, false when the link is closed. */
  readonly whenRoom: () => Promise<boolean>;
  readonly close: (code: number, reason: string) => void;
  /** Pings the coordinator; without an answer to that very ping in time it closes the link. Resolves with what it found. */
  readonly confirm: (withinMs: number) => Promise<boolean>;
  /** How long the last question took to be answered: the hello, or a ping. 0 before. */
  readonly roundTripMs: () => number;
  /** Resolves when the socket is gone, so that all that was sent is with the coordinator or lost. */
  readonly gone: Promise<void>;
}

/** `dialing → open (hello sent) → welcomed → closed`. */
export function createDialedLink(deps: DialedLinkDeps): DialedLink {
  const { clock } = deps;
  const roomWaiters = new Set<(hasRoom: boolean) => void>();
  const gone = Promise.withResolvers<void>();
  const timers = new Map<"limit" | "poll", CancelTimer>();
  const silence = createSilenceWatch({ clock, onSilent: (reason) => close(closeCodes.silent, reason) });
  const life = createLifeCheck({ clock, ping: () => socket.ping(String(pingCount)) });
  let pingCount = 0;
  let askedAtMs = 0;
  let roundTripMs = 0;
  let hasOpened = false;
  let wasWelcomed = false;
  let isClosed = false;

  const after = (name: "limit" | "poll", delayMs: number, callback: () => void) => {
    timers.get(name)?.();
    timers.set(name, clock.after(delayMs, callback));
  };

  const socket = deps.createSocket(deps.target, {
    onOpen: () => {
      if (isClosed) return;
      hasOpened = true;
      after("limit", dialLimitMs, () => close(closeCodes.silent, "no welcome"));
      askedAtMs = clock.monotonicMs();
      guard(() => outbox.send(deps.hello()));
    },
    onMessage: (text) => receive(text),
    onPong: (payload) => {
      silence.heard();
      // What lay in the buffers while this machine slept proves nothing.
      if (payload !== String(pingCount)) return;
      roundTripMs = clock.monotonicMs() - askedAtMs;
      life.settle(true);
    },
    onClose: (code, reason) => {
      cutTimer();
      finish(code, reason);
      gone.resolve();
    },
  });
  let cutTimer: CancelTimer = () => {};
  after("limit", dialLimitMs, () => close(dialFailed, "no connection in time"));

  const outbox = createOutbox<NodeFrame>({
    scheduleTurn: deps.scheduleTurn,
    socket: {
      write: (text) => {
        if (!socket.isOpen()) return 0;
        socket.send(text);
        if (socket.bufferedBytes() <= highWaterBytes) return text.length;
        after("poll", drainPollMs, poll);
        return -1;
      },
      bufferedBytes: socket.bufferedBytes,
    },
    onTooSlow: () => close(closeCodes.tooSlow, "the coordinator reads too slowly"),
  });

  const poll = () => {
    if (isClosed) return;
    if (socket.bufferedBytes() > highWaterBytes / 2) {
      after("poll", drainPollMs, poll);
      return;
    }
    outbox.resume();
    if (!outbox.isHeld()) settleRoom(true);
  };

  const settleRoom = (hasRoom: boolean) => {
    for (const settle of roomWaiters) settle(hasRoom);
    roomWaiters.clear();
  };

  const finish = (code: number, reason: string) => {
    if (isClosed) return;
    isClosed = true;
    for (const cancel of timers.values()) cancel();
    silence.stop();
    life.settle(false);
    outbox.close();
    settleRoom(false);
    queueMicrotask(() => guard(() => deps.onClosed({ code, reason, hasOpened, wasWelcomed })));
  };

  const close = (code: number, reason: string) => {
    if (isClosed) return;
    outbox.flush();
    finish(code, reason);
    if (!socket.isOpen()) return cut();
    socket.close(code === dialFailed ? closeCodes.done : code, toCloseReason(reason));
    cutTimer = clock.after(closeLimitMs, cut);
  };

  const guard = (call: () => void) => {
    try {
      call();
    } catch (error) {
      deps.onFault(error);
      close(faultCloseCode, "INTERNAL");
    }
  };

  const cut = () => {
    socket.terminate();
    gone.resolve();
  };

  const receive = (text: string | null) => {
    if (isClosed) return;
    silence.heard();
    const decoded =
      text === null
        ? { ok: false as const, reason: "the message is not text" }
        : decodeCoordinatorFrames(text);
    if (!decoded.ok) return close(closeCodes.protocolError, decoded.reason);
    const work: WorkFrame[] = [];
    for (const frame of decoded.frames) {
      if (frame.type === "ping") {
        if (frame.quiet !== true) outbox.send({ type: "pong" });
      } else if (frame.type !== "welcome") work.push(frame);
      else if (wasWelcomed || work.length > 0) return close(closeCodes.protocolError, "welcome out of order");
      else welcome(frame);
    }
    if (work.length === 0 || isClosed) return;
    if (!wasWelcomed) return close(closeCodes.protocolError, "the first frame is not welcome");
    guard(() => deps.onFrames(work));
  };

  const welcome = (frame: WelcomeFrame) => {
    wasWelcomed = true;
    roundTripMs = clock.monotonicMs() - askedAtMs;
    timers.get("limit")?.();
    silence.heard();
    silence.start(frame.beat_ms);
    guard(() => deps.onWelcome(frame));
  };

  return {
    send: outbox.send,
    whenRoom: () => {
      if (isClosed) return Promise.resolve(false);
      if (!outbox.isHeld()) return Promise.resolve(true);
      return new Promise((resolve) => roomWaiters.add(resolve));
    },
    close,
    confirm: async (withinMs) => {
      if (isClosed) return false;
      pingCount += 1;
      askedAtMs = clock.monotonicMs();
      const isAlive = await life.ask(withinMs);
      if (!isAlive) close(closeCodes.silent, "no answer to a ping");
      return isAlive;
    },
    roundTripMs: () => roundTripMs,
    gone: gone.promise,
  };
}
