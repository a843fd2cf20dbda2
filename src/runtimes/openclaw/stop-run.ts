import { delay } from "../../platform/clock.ts";
import type { RunOutcome } from "../runtime.ts";
import { toStopOutcome } from "../stop-outcome.ts";
import type { StopCause } from "../stop-signal.ts";
import { sendAbort } from "./abort.ts";
import { fenceAttempt } from "./fence.ts";
import { matchFinalAnswer, matchWaitFailure } from "./final-answer.ts";
import { findRun } from "./find-run.ts";
import { fetchRunEnd } from "./gateway.ts";
import { FinalAnswer } from "./gateway-schemas.ts";
import { lostOutcome, type RunContext, setRecovering, tooLargeOutcome } from "./run-context.ts";
import { waitConnected } from "./wait-connected.ts";

/** Longest time from the wish to stop until the run settles, confirmed or not. */
const stopLimitMs = 4_500;
/** After it the abort is sent again: one that comes before the gateway has begun with the run finds nothing to stop. */
const confirmWaitMs = 400;

/** Ends the run in the gateway. An answer that was complete before the stop took effect is still the answer. */
export async function stopRun(run: RunContext): Promise<RunOutcome> {
  const cause = run.stop.cause() ?? "cancelled";
  if (cause === "closed") return lostOutcome("the node agent is stopping; the gateway goes on with the run");
  const { clock, connection } = run.access;
  const endsAtMs = clock.monotonicMs() + stopLimitMs;
  const leftMs = () => Math.max(0, endsAtMs - clock.monotonicMs());
  while (leftMs() > 0) {
    // The time of a message whose gateway is away is over: nobody waits for it any longer.
    if (connection.state().kind !== "connected" && cause === "timeout") break;
    const gateway = await waitConnected(connection, { clock, withinMs: leftMs() });
    if (gateway === null) break;
    setRecovering(run, false);
    const isOtherBoot = run.progress.bootId !== null && run.progress.bootId !== gateway.bootId;
    if (isOtherBoot) await findRecovery(run);
    if (isOtherBoot && run.progress.runId === run.attempt.key) {
      // Nothing runs that an abort could stop, but something will, unless its session is reset.
      if (await fenceAttempt(run.access, run.attempt)) return toStopped(run, cause, null);
      break;
    }
    await sendAbort(run.access, run.sessionKey, run.progress.runId);
    const end = await waitForEnd(run, Math.min(confirmWaitMs, leftMs()));
    if (end !== null) return toStopped(run, cause, end);
  }
  const isFenced = cause === "superseded" && (await fenceAttempt(run.access, run.attempt));
  if (cause === "too_large") return tooLargeOutcome(run.access.maxAnswerBytes);
  return lostOutcome("the gateway did not confirm that the run has stopped", isFenced);
}

/** A gateway that was restarted may be at the run again, under another id. */
async function findRecovery(run: RunContext): Promise<void> {
  const found = await findRun(run.access.connection, run.sessionKey, run.attempt.key);
  if (found?.kind === "recovering") run.progress.runId = found.runId;
}

/** How the run has ended; null: not within the time. */
async function waitForEnd(run: RunContext, withinMs: number): Promise<RunOutcome | null> {
  const { access, progress, watch } = run;
  if (progress.final === null) {
    const end = await fetchRunEnd(access.connection, progress.runId, withinMs);
    if (end?.endedAt === undefined) return null;
    const failed = matchWaitFailure(end, watch.observations());
    return failed === "interrupted" ? null : (failed ?? { kind: "cancelled" });
  }
  const reply = await Promise.race([progress.final, delay(access.clock, withinMs)]);
  if (typeof reply === "string") return null;
  if (reply.kind === "lost" || reply.kind === "unsent") {
    progress.final = null;
    return null;
  }
  const answer = FinalAnswer.safeParse(reply.payload);
  // An error without a final answer: the gateway refused the message, so that nothing runs.
  if (!answer.success) return { kind: "cancelled" };
  const decision = matchFinalAnswer(reply.kind === "ok", answer.data, watch.observations());
  if (typeof decision === "object") return decision;
  progress.final = null;
  return null;
}

function toStopped(run: RunContext, cause: StopCause, end: RunOutcome | null): RunOutcome {
  if (cause === "too_large") return tooLargeOutcome(run.access.maxAnswerBytes);
  return end?.kind === "succeeded" ? end : toStopOutcome(cause);
}
