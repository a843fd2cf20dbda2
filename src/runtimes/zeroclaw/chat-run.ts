import { waitAtMost } from "../../platform/bounded-wait.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { RunControl, RunOutcome, RuntimeAttempt } from "../runtime.ts";
import type { ApprovalPolicy } from "../runtime-settings.ts";
import { closedOutcome, toStopOutcome } from "../stop-outcome.ts";
import { type StopCause, type StopSignal, stopped } from "../stop-signal.ts";
import { type ChatTurn, openChatTurn, type TurnEnd } from "./chat-turn.ts";
import { matchChatFailure, toApprovalFailure } from "./failure-map.ts";
import type { GatewayAccess } from "./gateway-api.ts";
import type { Reach } from "./reach-gateway.ts";
import { abortTurn, deleteSession, type SessionAccess, stopUntilIdle } from "./session-api.ts";
import { toSessionId } from "./session-id.ts";
import { stopsTurns } from "./version.ts";

export interface ChatRunOptions extends GatewayAccess {
  readonly agent: string;
  readonly approvals: ApprovalPolicy;
  readonly maxAnswerBytes: number;
  readonly clock: Clock;
  /** Work that goes on after the run has settled; the adapter waits a moment for it when it is closed. */
  readonly afterwards: (work: Promise<void>) => void;
}

interface ChatRun {
  readonly options: ChatRunOptions;
  readonly attempt: RuntimeAttempt;
  readonly control: RunControl;
  readonly stop: StopSignal;
  readonly reach: Extract<Reach, { readonly kind: "ready" }>;
}

/** From the opened socket to `session_start`. */
const greetingLimitMs = 5_000;
/** From an abort that the gateway took to the end of the turn, and for asking it whether it is over; both below a stop's 5 s. */
const abortedLimitMs = 1_500;

/** Sends the message on a socket of its own and sees the turn to its end. */
export async function runChat(run: ChatRun): Promise<RunOutcome> {
  const { options, attempt, control, stop, reach } = run;
  const { clock, approvals, maxAnswerBytes, agent } = options;
  const sessionId = toSessionId(attempt);
  const session: SessionAccess = { ...options, sessionId, token: reach.token };
  const { wsUrl } = options.address;
  const address = { wsUrl, agent, sessionId, name: attempt.session?.name ?? null, token: reach.token };
  const turn = openChatTurn({ address, approvals, maxAnswerBytes, clock, onChunk: control.onChunk });
  let isClosing = false;
  try {
    const outcome = await seeThrough(run, turn, session);
    isClosing = stop.cause() === "closed";
    return outcome;
  } finally {
    turn.mute();
    turn.close();
    // What the next agent wants to know of an attempt that this one lets go of stays.
    if (attempt.session === null && !isClosing) options.afterwards(deleteSession(session));
  }
}

async function seeThrough(run: ChatRun, turn: ChatTurn, session: SessionAccess): Promise<RunOutcome> {
  const { stop, options, attempt } = run;
  const { clock } = options;
  const greeting = waitAtMost(turn.greeted, { clock, limitMs: greetingLimitMs, otherwise: "late" as const });
  const greeted = await stop.orStopped(greeting);
  if (greeted === stopped) return toUnsentOutcome(stop.cause());
  if (greeted === "late") return refuse("ZeroClaw did not greet in time");
  if (greeted === "over") return toRefusedChat(run, await turn.end);
  turn.send(attempt.content);
  const refusedTool = turn.refusedTool.then((tool) => ({ kind: "refused_tool", tool }) as const);
  const end = await stop.orStopped(Promise.race([turn.end, refusedTool]));
  if (end === stopped) return stopTurn(run, turn, session);
  if (end.kind === "refused_tool") {
    await endTurn(run, turn, session);
    return fail(toApprovalFailure(end.tool));
  }
  return judgeEnd(run, { turn, session, end });
}

interface EndedTurn {
  readonly turn: ChatTurn;
  readonly session: SessionAccess;
  readonly end: TurnEnd;
}

async function judgeEnd(run: ChatRun, { turn, session, end }: EndedTurn): Promise<RunOutcome> {
  const { httpUrl } = run.options.address;
  switch (end.kind) {
    case "done":
      if (end.text !== "") return { kind: "succeeded", text: end.text };
      return fail({
        class: "runtime_error",
        kind: "internal",
        message: "ZeroClaw answered without any text",
      });
    case "aborted":
      // Somebody on the gateway's side wants the run not to be: it is not tried again elsewhere.
      return fail({
        class: "runtime_error",
        kind: "bad_request",
        message: "the run was stopped in ZeroClaw",
      });
    case "error":
      return fail(matchChatFailure(end));
    case "too_large": {
      await endTurn(run, turn, session);
      const message = `the answer is longer than ${run.options.maxAnswerBytes} bytes`;
      return fail({ class: "too_large", message });
    }
    case "foreign":
    case "lost": {
      const fenced = await isOver(run, session);
      const reason = `the connection to ${httpUrl} was lost before the answer was complete`;
      return { kind: "lost", started: true, fenced, reason };
    }
    default:
      return end satisfies never;
  }
}

/** The gateway closed, or said something else, before it greeted; the message was not sent. */
function toRefusedChat(run: ChatRun, end: TurnEnd): RunOutcome {
  if (end.kind === "error") {
    const failure = matchChatFailure(end);
    return fail(failure.class === "refused" ? failure : { ...failure, nothing_done: true });
  }
  const { agent, address } = run.options;
  if (end.kind === "foreign")
    return refuse(`${address.httpUrl} opened another session than the one asked for`);
  const isAboutAgent = stopsTurns(run.reach.version);
  const what = isAboutAgent ? `; is there an enabled [agents.${agent}] in its config.toml?` : "";
  return refuse(`${address.httpUrl} did not open its WebSocket chat${what}`);
}

/** Somebody wants the run to end after its message was sent. */
async function stopTurn(run: ChatRun, turn: ChatTurn, session: SessionAccess): Promise<RunOutcome> {
  const cause = run.stop.cause();
  turn.mute();
  if (cause === "closed") return { ...closedOutcome, started: true, fenced: false };
  if (await endTurn(run, turn, session)) return toStopOutcome(cause);
  const reason = `${run.options.address.httpUrl} did not confirm that the run was stopped`;
  return { kind: "lost", started: true, fenced: false, reason };
}

/**
 * Stops the turn: asks for it, waits for its last frame, closes the socket, and asks again.
 * @returns whether the gateway confirmed that it is over
 */
async function endTurn(run: ChatRun, turn: ChatTurn, session: SessionAccess): Promise<boolean> {
  const { clock } = run.options;
  turn.mute();
  if ((await abortTurn(session)) === "aborted") {
    const end = await waitAtMost(turn.end, { clock, limitMs: abortedLimitMs, otherwise: null });
    if (end !== null && ["done", "aborted", "error"].includes(end.kind)) return true;
  }
  turn.close();
  return await isOver(run, session);
}

/** The socket is closed; whether the gateway says that nothing runs in the session any more. */
async function isOver(run: ChatRun, session: SessionAccess): Promise<boolean> {
  return stopsTurns(run.reach.version) && (await stopUntilIdle(session, abortedLimitMs));
}

function toUnsentOutcome(cause: StopCause | null): RunOutcome {
  return cause === "closed" ? closedOutcome : toStopOutcome(cause);
}

const fail = (failure: Failure): RunOutcome => ({ kind: "failed", failure });
const refuse = (message: string): RunOutcome => fail({ class: "refused", message });
