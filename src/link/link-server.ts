import type { Clock } from "../platform/clock.ts";
import type { LogFacts } from "../platform/log.ts";
import { afterLoopTurn, type ScheduleTurn } from "../platform/loop-turn.ts";
import { maxLinkMessageBytes } from "../protocol/link/v1/frames.ts";
import { type AcceptedLink, createAcceptedLink } from "./accepted-link.ts";
import type { CoordinatorLink, LinkServerHandlers } from "./coordinator-link.ts";
import { sweepIntervalMs, wasStalled } from "./liveness.ts";
import { maxOutboxBytes } from "./outbox.ts";

/** Time a peer has to answer a close frame before its socket is cut. */
export const closeLimitMs = 2_000;

export interface LinkServerOptions<Principal> {
  readonly clock: Clock;
  /** Interval of the beat; may change while the mesh grows (`beatIntervalMs` of liveness.ts). */
  readonly beatMs: () => number;
  readonly handlers: LinkServerHandlers<Principal>;
  /** Told of links that were closed because they sent too much. */
  readonly onFlood?: (principal: Principal, remoteAddress: string) => void;
  /** Told of links that were closed because the peer broke the protocol. */
  readonly onBreach?: (principal: Principal, remoteAddress: string) => void;
  readonly log?: { readonly warn: (message: string, facts?: LogFacts) => void };
  readonly scheduleTurn?: ScheduleTurn;
}

/** What an upgrade attaches to its WebSocket: `server.upgrade(request, { data: links.dataFor(…) })`. */
export interface LinkSocketData<Principal> {
  readonly principal: Principal;
  readonly remoteAddress: string;
  /** Called once its socket is gone. */
  readonly onGone: () => void;
  link: AcceptedLink<Principal> | null;
}

/** The coordinator's end of all links. Create (no effects) → start → closeAll → stop. */
export interface LinkServer<Principal> {
  /** For `Bun.serve({ websocket })`; sockets of other kinds must be kept away from it. */
  readonly websocket: Bun.WebSocketHandler<LinkSocketData<Principal>>;
  readonly dataFor: (
    principal: Principal,
    remoteAddress: string,
    onGone?: () => void,
  ) => LinkSocketData<Principal>;
  /** Open links, also those that have not said hello yet. */
  readonly open: () => Iterable<CoordinatorLink<Principal>>;
  /** Closes all links; their `onClosed` follows within this turn. */
  readonly closeAll: (code: number, reason: string) => void;
  /** Starts watching the deadlines; without it no silent link is closed. */
  readonly start: () => void;
  readonly stop: () => void;
}

type Socket<Principal> = Bun.ServerWebSocket<LinkSocketData<Principal>>;

export function createLinkServer<Principal>(options: LinkServerOptions<Principal>): LinkServer<Principal> {
  const { clock, beatMs, handlers, log } = options;
  const scheduleTurn = options.scheduleTurn ?? afterLoopTurn;
  const links = new Set<AcceptedLink<Principal>>();
  /** Sockets that were sent a close frame, and when they are cut. */
  const closing = new Map<Socket<Principal>, number>();
  let cancelSweep: (() => void) | null = null;

  const open = (ws: Socket<Principal>) => {
    const { principal, remoteAddress } = ws.data;
    const link: AcceptedLink<Principal> = createAcceptedLink({
      principal,
      remoteAddress,
      clock,
      scheduleTurn,
      handlers,
      socket: {
        write: (text) => ws.sendText(text),
        bufferedBytes: () => ws.getBufferedAmount(),
        close: (code, reason) => {
          links.delete(link);
          closing.set(ws, clock.monotonicMs() + closeLimitMs);
          ws.close(code, reason);
        },
      },
      onFlood: (reason) => {
        log?.warn("a link sent too much and was closed", { remote: remoteAddress, reason });
        options.onFlood?.(principal, remoteAddress);
      },
      onBreach: () => options.onBreach?.(principal, remoteAddress),
      onFault: (error) => log?.warn("link handler failed", { remote: remoteAddress, error }),
    });
    ws.data.link = link;
    links.add(link);
  };

  const close = (ws: Socket<Principal>, code: number, reason: string) => {
    closing.delete(ws);
    ws.data.onGone();
    const { link } = ws.data;
    if (link === null) return;
    links.delete(link);
    link.gone(code, reason);
  };

  const scheduleSweep = () => {
    const delayMs = sweepIntervalMs(beatMs());
    const dueAtMs = clock.monotonicMs() + delayMs;
    cancelSweep = clock.after(delayMs, () => sweep(dueAtMs), { unref: true });
  };

  const sweep = (dueAtMs: number) => {
    const nowMs = clock.monotonicMs();
    const beat = beatMs();
    if (wasStalled(dueAtMs, nowMs, beat)) {
      log?.warn("process stood still, link deadlines start again", { late_ms: Math.round(nowMs - dueAtMs) });
      for (const link of links) link.forgive(nowMs);
    }
    for (const link of links) link.sweep(nowMs, beat);
    for (const [ws, cutAtMs] of closing) {
      if (nowMs < cutAtMs) continue;
      closing.delete(ws);
      ws.terminate();
    }
    scheduleSweep();
  };

  return {
    websocket: {
      maxPayloadLength: maxLinkMessageBytes,
      // Above the outbox's own limit, which closes with a code that says why.
      backpressureLimit: maxOutboxBytes + 2 * maxLinkMessageBytes,
      closeOnBackpressureLimit: true,
      perMessageDeflate: false,
      // Silence is watched by the sweep, which knows the beat.
      idleTimeout: 0,
      sendPings: false,
      open,
      message: (ws, message) => ws.data.link?.receive(typeof message === "string" ? message : null),
      ping: (ws) => ws.data.link?.pinged(),
      pong: (ws) => ws.data.link?.pinged(),
      drain: (ws) => ws.data.link?.drained(),
      close,
    },
    dataFor: (principal, remoteAddress, onGone = () => undefined) => ({
      principal,
      remoteAddress,
      onGone,
      link: null,
    }),
    open: () => [...links].map(({ link }) => link),
    closeAll: (code, reason) => {
      for (const { link } of [...links]) link.close(code, reason);
    },
    start: () => {
      if (cancelSweep === null) scheduleSweep();
    },
    stop: () => {
      cancelSweep?.();
      cancelSweep = null;
      for (const ws of closing.keys()) ws.terminate();
      closing.clear();
    },
  };
}
