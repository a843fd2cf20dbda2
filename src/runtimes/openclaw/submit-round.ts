import type { RunOutcome } from "../runtime.ts";
import { matchRequestFailure, matchRunFailure } from "./failure-map.ts";
import { matchFinalAnswer } from "./final-answer.ts";
import { sendAgent } from "./gateway.ts";
import { Accepted, FinalAnswer } from "./gateway-schemas.ts";
import type { GatewayReply } from "./reply.ts";
import { type NextRound, notStarted, type RunContext } from "./run-context.ts";
import { sendSessionLabel } from "./session-label.ts";

/** OpenClaw's own limit is a safety net below ours, which also ends its retries of the provider. */
const timeoutSlackS = 2;

/** Sends the message, for the first time or again to the same gateway process, and sees it to its end. */
export async function submitRound(run: RunContext): Promise<RunOutcome | NextRound> {
  const { access, attempt, progress, stop } = run;
  const state = access.connection.state();
  // Another process than the one that got the message would begin it a second time.
  const isOtherBoot = state.kind !== "connected" || state.gateway.bootId !== progress.bootId;
  if (progress.isSubmitted && isOtherBoot) return "follow";
  const final = sendAgent(access.connection, attempt, {
    timeoutS: Math.ceil(stop.leftMs() / 1000) + timeoutSlackS,
    onAccepted: (payload) => {
      progress.isAccepted = true;
      const accepted = Accepted.safeParse(payload);
      if (attempt.session === null || progress.isOver) return;
      sendSessionLabel(access.connection, {
        sessionKey: (accepted.success ? accepted.data.sessionKey : undefined) ?? run.sessionKey,
        name: attempt.session.name,
        key: attempt.session.key,
      });
    },
  });
  progress.final = final;
  return takeReply(run, await final);
}

/** What a reply to `agent` settles; `follow`: the run goes on, and somebody else has its final answer, or nobody. */
function takeReply(run: RunContext, reply: GatewayReply): RunOutcome | NextRound {
  const { progress, watch, access } = run;
  if (reply.kind === "unsent" && !progress.isSubmitted)
    return notStarted("the connection to the gateway was lost before the message was sent");
  progress.isSubmitted = true;
  progress.final = null;
  if (reply.kind === "lost" || reply.kind === "unsent") {
    progress.lostAtMs ??= access.clock.monotonicMs();
    return "follow";
  }
  const answer = FinalAnswer.safeParse(reply.payload);
  if (answer.success) {
    const decision = matchFinalAnswer(reply.kind === "ok", answer.data, watch.observations());
    if (typeof decision === "object") return decision;
    progress.isAccepted = true;
    return "follow";
  }
  const failure =
    reply.kind === "error"
      ? matchRequestFailure(reply.error)
      : matchRunFailure("OpenClaw gave an answer that cannot be read", watch.observations());
  return { kind: "failed", failure };
}
