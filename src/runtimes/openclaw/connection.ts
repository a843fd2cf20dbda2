/**
 * One WebSocket to one OpenClaw gateway, shared by everything that this runtime does. The official client owns frames,
 * handshake and request correlation; this module owns when to connect, when to give a silent connection up, and what is
 * known of it.
 */

import {
  type ErrorShape,
  GatewayProtocolClient,
  type GatewayProtocolRequestError,
} from "@openclaw/gateway-client/browser";
import type { ConnectParams } from "@openclaw/gateway-protocol";
import { PROTOCOL_VERSION } from "@openclaw/gateway-protocol/version";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { explainForeign, findPortOwner } from "../../platform/port-owner.ts";
import type { Random } from "../../platform/random.ts";
import type { Secret } from "../../protocol/secret.ts";
import {
  type ConnectionProblem,
  isLasting,
  matchClosedProblem,
  matchHandshakeProblem,
} from "./connection-problem.ts";
import { AgentEvent, ErrorDetails, Hello } from "./gateway-schemas.ts";
import { startLiveness } from "./liveness.ts";
import { type GatewayReply, toErrorReply } from "./reply.ts";
import { createClosedSocket, openSocket } from "./socket.ts";

export type Scope = "operator.read" | "operator.write" | "operator.admin";

export interface ConnectionOptions {
  /** `ws://127.0.0.1:18789` */
  readonly url: string;
  readonly token: Secret | null;
  /** Whether nothing is sent unless this user or root listens at the port, where the system tells. */
  readonly checksOwner: boolean;
  readonly scopes: readonly Scope[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface GatewayIdentity {
  readonly version: string;
  /** Another one after every start of the gateway: what it held in memory is gone. */
  readonly bootId: string;
  /** Of our monotonic clock, when the handshake was answered. */
  readonly sinceMs: number;
}

/** idle → connecting ⇄ connected; any → closed. */
export type ConnectionState =
  | { readonly kind: "idle" }
  /** `problem`: of the last try; null before the first has failed. */
  | { readonly kind: "connecting"; readonly problem: ConnectionProblem | null }
  | { readonly kind: "connected"; readonly gateway: GatewayIdentity }
  | { readonly kind: "closed" };

export interface RequestOptions {
  /** Longest wait for the answer; null waits as long as the connection holds. Default 10 s. */
  readonly timeoutMs?: number | null;
  /** For `agent`: resolves with its second answer; the first is given here. */
  readonly onAccepted?: (payload: unknown) => void;
}

export interface GatewayConnection {
  /** Begins to connect; does nothing when it has begun. */
  readonly start: () => void;
  readonly state: () => ConnectionState;
  /** Called after every change of state; returns what ends it. */
  readonly onState: (listener: () => void) => () => void;
  readonly request: (method: string, params: unknown, options?: RequestOptions) => Promise<GatewayReply>;
  /** Events of this one run; nobody else's ever reach a caller. Returns what ends it. */
  readonly onRunEvent: (runId: string, listener: (event: AgentEvent) => void) => () => void;
  /** Rises whenever events may have been missed. */
  readonly gapCount: () => number;
  /** Keeps the closer watch that running work needs, until the returned function is called. */
  readonly watchClosely: () => () => void;
  readonly close: () => void;
}

/** Delay before the first try after a loss; doubles up to the longest. */
const firstRetryMs = 250;
const longestRetryMs = 2_000;
/** For a gateway that refuses us: its token or version does not change by the second. */
const refusedRetryMs = 10_000;
const handshakeTimeoutMs = 5_000;
const requestTimeoutMs = 10_000;
/** What the gateway shows of us; the adapter's own version, not the program's. */
const clientInfo = {
  id: "gateway-client",
  mode: "backend",
  version: "1",
  platform: "bun",
  displayName: "claw-mesh",
} as const;

/** Creates it without connecting. */
export function createConnection(options: ConnectionOptions): GatewayConnection {
  const { url, clock, random, log } = options;
  const stateListeners = new Set<() => void>();
  const runListeners = new Map<string, Set<(event: AgentEvent) => void>>();
  let state: ConnectionState = { kind: "idle" };
  let problem: ConnectionProblem | null = null;
  let failedTries = 0;
  let gaps = 0;
  let lastRequestId = 0;

  const setState = (next: ConnectionState) => {
    if (state.kind === "closed") return;
    state = next;
    for (const listener of [...stateListeners]) listener();
  };

  const retryDelayMs = (): number => {
    if (problem !== null && isLasting(problem)) return refusedRetryMs;
    const longest = Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(failedTries, 10));
    return longest * (0.5 + random.next() / 2);
  };

  /** Whether what listens there may be spoken to; `problem` says why not. */
  const isOwnPort = (): boolean => {
    const why = options.checksOwner ? explainForeign(findPortOwner(url)) : null;
    if (why !== null)
      problem = { kind: "unreachable", message: `no OpenClaw gateway answers at ${url}: ${why}` };
    return why === null;
  };

  const client = new GatewayProtocolClient<null>({
    createSocket: (handlers) => {
      problem = null;
      return isOwnPort() ? openSocket(url, clock, handlers) : createClosedSocket(handlers);
    },
    createRequestId: () => {
      lastRequestId += 1;
      return String(lastRequestId);
    },
    // Once more, as somebody else may have taken the port before the socket was there. What is thrown closes it.
    buildConnectPlan: () => {
      if (!isOwnPort()) throw new Error("the port is not the gateway's any more");
      return null;
    },
    // Left out, scopes would mean all of them: always name them.
    buildConnectParams: (): ConnectParams => ({
      minProtocol: PROTOCOL_VERSION,
      maxProtocol: PROTOCOL_VERSION,
      client: clientInfo,
      role: "operator",
      scopes: [...options.scopes],
      // Without it the gateway withholds what its tools do; it gives it for the runs of this connection only.
      caps: ["tool-events"],
      ...(options.token === null ? {} : { auth: { token: options.token.reveal() } }),
    }),
    handshake: { mode: "require-challenge", timeoutMs: handshakeTimeoutMs },
    reconnect: { initialMs: firstRetryMs, multiplier: 2, maxMs: longestRetryMs },
    requestTimeoutMs,
    onHello: (frame) => {
      const hello = Hello.safeParse(frame);
      if (!hello.success) {
        problem = {
          kind: "incompatible",
          message: `what answers at ${url} does not greet as an OpenClaw gateway`,
        };
        client.closeSocket(4000, "unreadable hello");
        return;
      }
      failedTries = 0;
      const { version, bootId } = hello.data.server;
      log.info("openclaw gateway connected", { url, version, boot: bootId });
      setState({ kind: "connected", gateway: { version, bootId, sinceMs: clock.monotonicMs() } });
      liveness.begin();
    },
    onConnectFailure: (error) => {
      problem = matchHandshakeProblem(url, {
        code: error.code,
        detailCode: readDetailCode(error),
        hasToken: options.token !== null,
      });
      return { closeCode: 1008, closeReason: "handshake refused" };
    },
    onConnectError: () => {},
    resolveClose: (context) => {
      if (!context.helloReceived) problem ??= matchClosedProblem(url, context.socketOpened);
      return { retry: true, notify: true, reconnectDelayMs: retryDelayMs() };
    },
    onClose: (context) => {
      liveness.end();
      gaps += 1;
      failedTries += 1;
      if (context.helloReceived) log.warn("openclaw gateway lost", { url, code: context.code });
      setState({ kind: "connecting", problem });
    },
    onEvent: (frame) => {
      if (frame.event !== "agent") return;
      const event = AgentEvent.safeParse(frame.payload);
      if (!event.success) return;
      for (const listener of [...(runListeners.get(event.data.runId) ?? [])]) listener(event.data);
    },
    onGap: () => {
      gaps += 1;
    },
    onActivity: () => liveness.noteActivity(),
    onCallbackError: (label, error) =>
      log.error("a callback of the openclaw client failed", { label, error }),
  });

  const request = async (
    method: string,
    params: unknown,
    how: RequestOptions = {},
  ): Promise<GatewayReply> => {
    if (state.kind !== "connected") return { kind: "unsent" };
    let isSent = false;
    try {
      const payload = await client.request(method, params, {
        timeoutMs: how.timeoutMs === undefined ? requestTimeoutMs : how.timeoutMs,
        onSent: () => {
          isSent = true;
        },
        ...(how.onAccepted === undefined ? {} : { expectFinal: true, onAccepted: how.onAccepted }),
      });
      return { kind: "ok", payload };
    } catch (error) {
      return toErrorReply(error, isSent);
    }
  };

  const liveness = startLiveness({
    clock,
    request,
    giveUp: () => client.closeSocket(4000, "no sign of life"),
  });

  return {
    start: () => {
      if (state.kind !== "idle") return;
      setState({ kind: "connecting", problem: null });
      client.start();
    },
    state: () => state,
    onState: (listener) => {
      stateListeners.add(listener);
      return () => void stateListeners.delete(listener);
    },
    request,
    onRunEvent: (runId, listener) => {
      const listeners = runListeners.get(runId) ?? new Set();
      runListeners.set(runId, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) runListeners.delete(runId);
      };
    },
    gapCount: () => gaps,
    watchClosely: liveness.watchClosely,
    close: () => {
      liveness.end();
      setState({ kind: "closed" });
      client.stop();
    },
  };
}

function readDetailCode(error: GatewayProtocolRequestError | Partial<ErrorShape>): string | null {
  const details = ErrorDetails.safeParse(error.details);
  return details.success ? (details.data.code ?? null) : null;
}
