/**
 * Sees a run to its end after the call that waited for it was lost: with its connection, with the gateway, or with a
 * former node agent process.
 */
import type { RunOutcome } from "../runtime.ts";
import type { GatewayIdentity } from "./connection.ts";
import { fenceAttempt } from "./fence.ts";
import { matchWaitFailure } from "./final-answer.ts";
import { fetchHistory, fetchMessage, fetchRunEnd } from "./gateway.ts";
import type { WaitAnswer } from "./gateway-schemas.ts";
import {
  lostOutcome,
  type NextRound,
  type RunContext,
  setRecovering,
  tooLargeOutcome,
} from "./run-context.ts";
import { isAnswer, matchRunInHistory, type RunInHistory, toText } from "./run-in-history.ts";
import { waitConnected } from "./wait-connected.ts";

/** One question whether the run has ended; between two, the history is read. */
const waitRoundMs = 2_000;
/** From the end of a run until its answer must be in the history. */
const answerGraceMs = 10_000;
/** `agent.wait` cuts longer answers off, without saying so. */
const waitAnswerLimit = 4_096;
/**
 * A gateway process answers a repeated submission from memory, for a while. Beyond this time nothing is submitted
 * again.
 */
const resubmitWindowMs = 60_000;
/** A gateway begins to recover interrupted work about 3 s after it is ready, up to 20 s on a slow machine. */
const recoveryGraceMs = 30_000;

/**
 * One look at the run.
 * @returns its outcome; `follow`: look again; `submit`: the same gateway process may be given the message again, because
 * it never got it, or has the whole answer in memory
 */
export async function followRound(run: RunContext): Promise<RunOutcome | NextRound> {
  const { access, progress, stop } = run;
  const gateway = await reconnect(run);
  if (gateway === null) return "follow";
  const end = await fetchRunEnd(access.connection, progress.runId, waitRoundMs);
  if (stop.cause() !== null) return "follow";
  if (end?.endedAt !== undefined) {
    const outcome = takeEnd(run, end);
    if (outcome !== null) return outcome;
  }
  const history = await fetchHistory(access.connection, run.sessionKey);
  if (stop.cause() !== null) return "follow";
  if (end === null || history === null) return "follow";
  const found = matchRunInHistory(history, run.attempt.key);
  if (end.endedAt !== undefined && found.kind !== "answered") return takeUnfoundAnswer(run, end);
  return takeHistory(run, found, gateway);
}

async function reconnect(run: RunContext): Promise<GatewayIdentity | null> {
  const { access, stop } = run;
  const state = access.connection.state();
  if (state.kind === "connected") {
    setRecovering(run, false);
    return state.gateway;
  }
  setRecovering(run, true);
  run.progress.lostAtMs ??= access.clock.monotonicMs();
  const gateway = await waitConnected(access.connection, {
    clock: access.clock,
    withinMs: stop.leftMs(),
    signal: stop.signal,
  });
  if (gateway !== null && stop.cause() === null) setRecovering(run, false);
  return gateway;
}

/** The gateway says that the run has ended; null: its answer has to be read from the history. */
function takeEnd(run: RunContext, end: WaitAnswer): RunOutcome | "submit" | null {
  const failed = matchWaitFailure(end, { ...run.watch.observations(), hadNoEffect: false });
  if (failed !== null) return failed;
  const text = end.terminalReply?.text ?? "";
  if (text !== "" && text.length < waitAnswerLimit) return { kind: "succeeded", text };
  const isOwn = run.progress.runId === run.attempt.key;
  // It knows the run, so it has the whole answer in memory, and gives it to whoever submits the same key.
  return isOwn && sinceEndMs(run, end) < resubmitWindowMs ? "submit" : null;
}

function takeUnfoundAnswer(run: RunContext, end: WaitAnswer): RunOutcome | NextRound {
  if (end.terminalReply?.disposition === "empty") return { kind: "succeeded", text: "" };
  if (sinceEndMs(run, end) < answerGraceMs) return "follow";
  return lostOutcome("the run has ended, and its answer is not to be found in its session");
}

/** The gateway is on this machine: both clocks are one. */
function sinceEndMs(run: RunContext, end: WaitAnswer): number {
  return run.access.clock.nowMs() - (end.endedAt ?? 0);
}

async function takeHistory(
  run: RunContext,
  found: RunInHistory,
  gateway: GatewayIdentity,
): Promise<RunOutcome | NextRound> {
  const { access, attempt, progress } = run;
  switch (found.kind) {
    case "answered":
      return readAnswer(run, found);
    case "recovering":
      progress.isAccepted = true;
      if (progress.runId !== found.runId) run.watch.follow(found.runId);
      progress.runId = found.runId;
      return "follow";
    case "open":
      progress.isAccepted = true;
      return "follow";
    case "pending":
      progress.isAccepted = true;
      return found.isInterrupted ? notBegun : "follow";
    case "absent":
      return takeAbsence(run, gateway);
    case "dropped": {
      progress.isAccepted = true;
      // Only a gateway that was just started may still be about to take it up.
      if (access.clock.monotonicMs() - gateway.sinceMs < recoveryGraceMs) return "follow";
      const isFenced = await fenceAttempt(access, attempt);
      return lostOutcome("the gateway was restarted and did not take the run up again", isFenced);
    }
  }
}

/** The gateway holds no message of ours. */
function takeAbsence(run: RunContext, gateway: GatewayIdentity): RunOutcome | "submit" {
  const { access, progress } = run;
  if (progress.isAccepted || run.watch.hasSeenEvents()) {
    return lostOutcome("the session no longer holds the message; was it reset?");
  }
  const lostForMs = progress.lostAtMs === null ? 0 : access.clock.monotonicMs() - progress.lostAtMs;
  if (progress.bootId === gateway.bootId && lostForMs < resubmitWindowMs) return "submit";
  return {
    kind: "lost",
    started: false,
    fenced: true,
    reason: "the message never reached the gateway",
  };
}

async function readAnswer(
  run: RunContext,
  found: Extract<RunInHistory, { readonly kind: "answered" }>,
): Promise<RunOutcome | NextRound> {
  if (!found.isTruncated) return { kind: "succeeded", text: found.text };
  if (found.messageId === null) return tooLargeOutcome(run.access.maxAnswerBytes);
  const message = await fetchMessage(run.access.connection, run.sessionKey, found.messageId);
  if (message === null) return "follow";
  if (message.__openclaw?.truncated === true) return unreadable;
  return isAnswer(message) ? { kind: "succeeded", text: toText(message) } : "follow";
}

const notBegun = {
  kind: "failed",
  failure: {
    class: "runtime_error",
    kind: "internal",
    message: "the gateway was restarted before it had begun with the message",
    nothing_done: true,
  },
} as const satisfies RunOutcome;

const unreadable = {
  kind: "failed",
  failure: {
    class: "too_large",
    message: "the answer is in its OpenClaw session, and too long to be read from there",
  },
} as const satisfies RunOutcome;
