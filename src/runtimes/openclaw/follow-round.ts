/**
 * Sees a run to its end after the call that waited for it was lost: with its connection, with the gateway, or with a
 * former node agent process.
 */
import type { RunOutcome } from "../runtime.ts";
import type { GatewayIdentity } from "./connection.ts";
import { fenceAttempt } from "./fence.ts";
import { matchWaitFailure } from "./final-answer.ts";
import { findRun } from "./find-run.ts";
import { fetchMessage, fetchRunEnd } from "./gateway.ts";
import type { WaitAnswer } from "./gateway-schemas.ts";
import {
  lostOutcome,
  type NextRound,
  type RunContext,
  setRecovering,
  stoppedInOpenclaw,
  tooLargeOutcome,
} from "./run-context.ts";
import { isAnswer, type RunInHistory, toText } from "./run-in-history.ts";
import { waitConnected } from "./wait-connected.ts";

/** One question whether the run has ended; between two, the history is read. */
const waitRoundMs = 2_000;
/** From the interruption of a run until a gateway that stops must be gone. */
const interruptionGraceMs = 10_000;
/** From the acceptance of a message until its session must hold it. */
const recordGraceMs = 10_000;
/** From the end of a run until its answer must be in the history. */
const answerGraceMs = 10_000;
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
  progress.lostAtMs ??= access.clock.monotonicMs();
  const gateway = await reconnect(run);
  if (gateway === null) return "follow";
  const end = await fetchRunEnd(access.connection, progress.runId, waitRoundMs);
  if (stop.cause() !== null) return "follow";
  const taken = end?.endedAt === undefined ? null : takeEnd(run, end, gateway);
  if (taken !== null && taken !== "interrupted") return taken;
  const found = await findRun(access.connection, run.sessionKey, run.attempt.key);
  if (stop.cause() !== null) return "follow";
  if (end === null || found === null) return "follow";
  const hasAnswered = end.endedAt !== undefined && taken === null;
  if (hasAnswered && found.kind !== "answered") return takeUnfoundAnswer(run, end);
  if (taken === "interrupted" && (found.kind === "absent" || found.kind === "unknown"))
    return takeInterruption(run, end);
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
  const gateway = await waitConnected(access.connection, {
    clock: access.clock,
    withinMs: stop.leftMs(),
    signal: stop.signal,
  });
  if (gateway !== null && stop.cause() === null) setRecovering(run, false);
  return gateway;
}

/**
 * The gateway says that the run has ended; null: its answer has to be read from the history. Not from here: this text is
 * the last payload only, trimmed, and cut at 4,096 UTF-16 code units.
 */
function takeEnd(
  run: RunContext,
  end: WaitAnswer,
  gateway: GatewayIdentity,
): RunOutcome | "submit" | "interrupted" | null {
  run.progress.isAccepted = true;
  run.progress.bootId ??= gateway.bootId;
  const failed = matchWaitFailure(end, { ...run.watch.observations(), hadNoEffect: false });
  if (failed !== null) return failed;
  const isOwn = run.progress.runId === run.attempt.key;
  // It knows the run, so it has the whole answer in memory, and gives it to whoever submits the same key.
  return isOwn && sinceEndMs(run, end) < resubmitWindowMs ? "submit" : null;
}

/** Ends without an answer; the history does not show them. */
const wordless: ReadonlySet<string | undefined> = new Set(["empty", "silent"]);

function takeUnfoundAnswer(run: RunContext, end: WaitAnswer): RunOutcome | NextRound {
  if (wordless.has(end.terminalReply?.disposition)) return { kind: "succeeded", text: "" };
  if (sinceEndMs(run, end) < answerGraceMs) return "follow";
  return lostOutcome("the run has ended, and its answer is not to be found in its session");
}

/** Its session was taken from under it, unless the gateway goes in a moment, to take it up again when it is back. */
function takeInterruption(run: RunContext, end: WaitAnswer): RunOutcome | NextRound {
  return sinceEndMs(run, end) < interruptionGraceMs ? "follow" : stoppedInOpenclaw;
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
  const { progress } = run;
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
    case "unknown":
      if (mayBeResubmitted(run, gateway)) return "submit";
      if (found.isAtWork || progress.bootId === gateway.bootId) return "follow";
      return giveUp(run, gateway, "the session is too long to find the run in it");
    case "dropped":
      progress.isAccepted = true;
      return giveUp(run, gateway, "the gateway was restarted and did not take the run up again");
  }
}

/** Only a gateway that was just started may still be about to take the run up. */
async function giveUp(
  run: RunContext,
  gateway: GatewayIdentity,
  reason: string,
): Promise<RunOutcome | "follow"> {
  const { access, attempt } = run;
  if (access.clock.monotonicMs() - gateway.sinceMs < recoveryGraceMs) return "follow";
  return lostOutcome(reason, await fenceAttempt(access, attempt));
}

/** Whether the gateway may not have got the message, and would still recognise it if it had. */
function mayBeResubmitted({ access, progress, watch }: RunContext, gateway: GatewayIdentity): boolean {
  if (progress.isAccepted || watch.hasSeenEvents() || progress.bootId !== gateway.bootId) return false;
  return lostForMs({ access, progress }) < resubmitWindowMs;
}

function lostForMs({ access, progress }: Pick<RunContext, "access" | "progress">): number {
  return progress.lostAtMs === null ? 0 : access.clock.monotonicMs() - progress.lostAtMs;
}

/** The gateway holds no message of ours. */
function takeAbsence(run: RunContext, gateway: GatewayIdentity): RunOutcome | NextRound {
  const { progress } = run;
  if (progress.isAccepted || run.watch.hasSeenEvents()) {
    if (lostForMs(run) < recordGraceMs) return "follow";
    return lostOutcome("the session no longer holds the message; was it reset?");
  }
  if (mayBeResubmitted(run, gateway)) return "submit";
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
