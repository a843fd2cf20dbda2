import type { CancelTimer, Clock } from "../platform/clock.ts";
import type { OnFault } from "../platform/fault.ts";
import { afterLoopTurn, type ScheduleTurn } from "../platform/loop-turn.ts";
import type { Random } from "../platform/random.ts";
import type { Trust } from "../platform/tls/trust.ts";
import { type ErrorCode, MeshError } from "../protocol/errors.ts";
import {
  closeCodes,
  type HelloFrame,
  linkVersion,
  type NodeFrame,
  type WelcomeFrame,
} from "../protocol/link/v1/frames.ts";
import { Secret } from "../protocol/secret.ts";
import { defaultBackoffCapMs, nextBackoffMs } from "./backoff.ts";
import { readCloseReason } from "./close-reason.ts";
import { type CreateDialSocket, createDialSocket } from "./dial-socket.ts";
import {
  type ClosedLink,
  createDialedLink,
  type DialedLink,
  dialFailed,
  type WorkFrame,
} from "./dialed-link.ts";
import { createWakeWatch } from "./wake-watch.ts";

/** Wait between two rounds in which every credential was refused. */
export const refusedRetryMs = 30_000;

/** A link that held for so long makes the next backoff start from the beginning. */
const steadyAfterMs = 5_000;

/**
 * Time that a coordinator has to answer after this machine slept; a node that is back late costs more than a dial. A link
 * that is slow but well has three of its round trips, up to {@link longestWakeAnswerMs}.
 */
export const wakeAnswerMs = 1_000;
export const longestWakeAnswerMs = 3_000;

/** Machines that were shut off together wake together: each waits a part of this before it asks or dials. */
export const wakeSpreadMs = 400;

/** One that throws does not keep the link from coming back: see {@link NodeLinkOptions.onFault}. */
export interface NodeLinkHandlers {
  /** A link is up. Save what it brings before anything else. */
  readonly onWelcome: (welcome: WelcomeFrame) => void;
  /** Frames that followed, in order, one message at a time. */
  readonly onFrames: (frames: readonly WorkFrame[]) => void;
  /** A link that was up is gone; another dial follows by itself. */
  readonly onDown: (why: { readonly code: number; readonly reason: string }) => void;
  /** The coordinator said that this node must not come back; nothing follows. */
  readonly onEnded: (error: MeshError) => void;
  /** Every credential was refused; the next round comes after {@link refusedRetryMs}. */
  readonly onNotAllowed: (error: MeshError) => void;
  /** A dial came to nothing; the next follows with backoff. */
  readonly onUnreachable: (error: MeshError) => void;
}

export interface NodeLinkOptions {
  /** `ws://host:port/api/v1/link` or `wss://…`. */
  readonly url: string;
  /** Tokens in the order they are tried; asked before every dial. */
  readonly credentials: () => readonly Secret[];
  readonly hello: () => HelloFrame;
  /** Asks over plain HTTP why the WebSocket did not open; the platform's WebSocket does not tell. */
  readonly explain: (token: Secret) => Promise<MeshError>;
  readonly handlers: NodeLinkHandlers;
  /** A handler, or the platform's WebSocket, threw; a link that may have lost frames by it is closed and dialed again. */
  readonly onFault: OnFault;
  readonly clock: Clock;
  readonly random: Random;
  readonly proxyUrl?: string | null;
  /** Asked before every dial; default: the system decides. */
  readonly trust?: () => Trust | null;
  readonly createSocket?: CreateDialSocket;
  readonly scheduleTurn?: ScheduleTurn;
}

/** The dialing end: keeps one link to a coordinator up for ever, until it is stopped or told not to come back. */
export interface NodeLink {
  readonly start: () => void;
  /** Whether frames go out now: welcomed and not lost since. */
  readonly isUp: () => boolean;
  /** Does nothing while the link is down: what must not be lost is in the journal. */
  readonly send: (frame: NodeFrame) => void;
  /** Resolves true when little waits to be sent, false when the link is or goes down. */
  readonly whenRoom: () => Promise<boolean>;
  /** Says goodbye when a reason is given, closes, and dials no more. Resolves when the socket is gone. */
  readonly stop: (goodbye: string | null) => Promise<void>;
}

/** For a node that has nothing to show. */
const noSecret = new Secret("");

/**
 * `waiting → dialing → up → waiting …`; `stopped` from anywhere, by us or by the coordinator's word. When this machine
 * slept, a wait ends, a dial is begun anew, and a link that was up has to answer at once; backoff starts from the beginning.
 */
export function createNodeLink(options: NodeLinkOptions): NodeLink {
  const { clock, handlers } = options;
  let link: DialedLink | null = null;
  let isUp = false;
  let isStopped = false;
  let failures = 0;
  let credentialIndex = 0;
  let backoffCapMs = defaultBackoffCapMs;
  let upSinceMs = 0;
  let cancelDial: CancelTimer = () => {};
  let cancelWake: CancelTimer = () => {};
  /** The answer to a wake is about to begin, and dials where there is no link by then. */
  let isWaking = false;
  let dialCount = 0;
  /** This machine slept, and the link it slept with has not answered since: what follows it is dialed without a wait. */
  let hasWoken = false;

  const tell = (call: () => void) => {
    try {
      call();
    } catch (error) {
      options.onFault(error);
    }
  };

  const end = (error: MeshError) => {
    isStopped = true;
    wakes.stop();
    cancelWake();
    tell(() => handlers.onEnded(error));
  };

  const dialAfter = (delayMs: number) => {
    cancelDial = clock.after(delayMs, dial);
  };

  const retry = () => {
    failures += 1;
    dialAfter(nextBackoffMs(failures, backoffCapMs, options.random));
  };

  const dial = () => {
    if (isStopped) return;
    dialCount += 1;
    try {
      link = open(options.credentials()[credentialIndex] ?? noSecret);
    } catch (error) {
      options.onFault(error);
      retry();
    }
  };

  const wake = () => {
    if (isStopped) return;
    failures = 0;
    if (link === null) cancelDial();
    else hasWoken = true;
    cancelWake();
    isWaking = true;
    cancelWake = clock.after(wakeSpreadMs * options.random.next(), () => {
      isWaking = false;
      answerWake();
    });
  };

  const answerWake = () => {
    if (isStopped) return;
    if (link === null) {
      cancelDial();
      return dial();
    }
    if (!hasWoken) return;
    if (!isUp) return link.close(dialFailed, "this machine slept");
    const limitMs = Math.min(longestWakeAnswerMs, Math.max(wakeAnswerMs, 3 * link.roundTripMs()));
    void link.confirm(limitMs).then((isAlive) => {
      if (isAlive) hasWoken = false;
    });
  };
  const wakes = createWakeWatch({ clock, onWake: wake });

  const open = (token: Secret): DialedLink =>
    createDialedLink({
      createSocket: options.createSocket ?? createDialSocket,
      target: {
        url: options.url,
        token,
        proxyUrl: options.proxyUrl ?? null,
        trust: options.trust?.() ?? null,
      },
      hello: options.hello,
      clock,
      scheduleTurn: options.scheduleTurn ?? afterLoopTurn,
      onWelcome: (welcome) => {
        isUp = true;
        upSinceMs = clock.monotonicMs();
        credentialIndex = 0;
        backoffCapMs = welcome.backoff_cap_ms;
        if (welcome.version === linkVersion) handlers.onWelcome(welcome);
        else link?.close(closeCodes.versionMismatch, "VERSION_UNSUPPORTED");
      },
      onFrames: handlers.onFrames,
      onClosed: (why) => closed(why, token),
      onFault: options.onFault,
    });

  const closed = (why: ClosedLink, token: Secret) => {
    link = null;
    const wasUp = isUp;
    const followsWake = hasWoken;
    isUp = false;
    hasWoken = false;
    if (wasUp) {
      if (clock.monotonicMs() - upSinceMs >= steadyAfterMs) failures = 0;
      tell(() => handlers.onDown(why));
    }
    if (isStopped) return;
    if (!why.hasOpened) return followsWake ? dialAwake() : explain(token);
    const error = finalError(why);
    if (error !== null) return end(error);
    if (why.code === closeCodes.notAllowed) {
      // What opened the link is void by now; the node was given a token of its own meanwhile.
      const hasBetter = wasUp && options.credentials()[0]?.reveal() !== token.reveal();
      return hasBetter ? dial() : refused(toRefusal(why.reason));
    }
    if (followsWake) return dialAwake();
    if (!wasUp) {
      unreachable(
        new MeshError(
          "COORDINATOR_UNREACHABLE",
          `the coordinator closed the link before its welcome (${why.code} ${why.reason})`,
        ),
      );
    }
    retry();
  };

  const dialAwake = () => {
    if (!isWaking) dial();
  };

  const unreachable = (error: MeshError) => tell(() => handlers.onUnreachable(error));

  const explain = (token: Secret) => {
    const explained = dialCount;
    options.explain(token).then(
      (error) => {
        if (isStopped || dialCount !== explained) return;
        if (isRefusal(error)) return refused(error);
        unreachable(explainNoLink(error));
        retry();
      },
      (fault: unknown) => {
        if (isStopped || dialCount !== explained) return;
        unreachable(
          new MeshError("INTERNAL", "could not find out why the link did not open", { cause: fault }),
        );
        retry();
      },
    );
  };

  const refused = (error: MeshError) => {
    credentialIndex += 1;
    if (credentialIndex < options.credentials().length) return dial();
    credentialIndex = 0;
    tell(() => handlers.onNotAllowed(error));
    if (!isStopped) dialAfter(refusedRetryMs);
  };

  return {
    start: () => {
      wakes.start();
      dial();
    },
    isUp: () => isUp,
    send: (frame) => {
      if (isUp) link?.send(frame);
    },
    whenRoom: () => (isUp && link !== null ? link.whenRoom() : Promise.resolve(false)),
    stop: async (goodbye) => {
      isStopped = true;
      wakes.stop();
      cancelWake();
      cancelDial();
      if (isUp && goodbye !== null) link?.send({ type: "goodbye", reason: goodbye.slice(0, 256) });
      const last = link;
      last?.close(closeCodes.done, "");
      await last?.gone;
    },
  };
}

/** The error of a close after which the node must not come back; null when it may. */
function finalError(why: ClosedLink): MeshError | null {
  const told = readCloseReason(why.reason);
  const error = (code: ErrorCode, message: string, hint?: string) =>
    new MeshError(code, told.message === "" ? message : told.message, hint === undefined ? {} : { hint });
  if (told.code === "NAME_TAKEN") {
    return error("NAME_TAKEN", "another node or group has this name already");
  }
  switch (why.code) {
    case closeCodes.replaced:
      return new MeshError("NODE_ALREADY_LINKED", "another link of this node took over");
    case closeCodes.alreadyLinked:
      return error("NODE_ALREADY_LINKED", "another agent is linked as this node");
    case closeCodes.removed:
      return new MeshError("NODE_NOT_FOUND", "this node was removed from the mesh", {
        hint: "Join again with a new invite: claw-mesh invite",
      });
    case closeCodes.versionMismatch:
      return error("VERSION_UNSUPPORTED", "coordinator and node share no version of the link");
    default:
      return null;
  }
}

function toRefusal(reason: string): MeshError {
  const { code, message } = readCloseReason(reason);
  if (message !== "") return new MeshError(code ?? "TOKEN_INVALID", message);
  return code === "INVITE_INVALID"
    ? new MeshError(code, "the invite is unknown, used up or expired")
    : new MeshError(code ?? "TOKEN_INVALID", "the coordinator does not let this node in");
}

/** Whether the credential was refused, not the coordinator out of reach. */
function isRefusal(error: MeshError): boolean {
  switch (error.code) {
    case "TOKEN_MISSING":
    case "TOKEN_INVALID":
    case "SCOPE_MISSING":
    case "INVITE_INVALID":
      return true;
    default:
      return false;
  }
}

function explainNoLink(error: MeshError): MeshError {
  if (error.code !== "ROUTE_NOT_FOUND") return error;
  return new MeshError("VERSION_UNSUPPORTED", "the coordinator has no link (GET /api/v1/link is 404)", {
    cause: error,
  });
}
