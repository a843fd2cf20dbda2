import { methods } from "@agentclientprotocol/sdk";
import { waitAtMost } from "../../platform/bounded-wait.ts";
import { choosePolicy } from "../approval-policy.ts";
import { toStoppedOutcome } from "../bounded-attempts.ts";
import type { RunControl, RunOutcome, RuntimeAttempt } from "../runtime.ts";
import type { AcpAdapter } from "./adapter.ts";
import { PromptAnswer } from "./agent-answers.ts";
import { matchRequestError, matchStopReason } from "./agent-outcome.ts";
import type { AgentLink } from "./agent-process.ts";
import { describeEnd } from "./end-description.ts";
import { openForMessage, settleRequest } from "./message-session.ts";
import { createPromptTurn } from "./prompt-turn.ts";

type RunParts = Pick<RunControl, "onChunk" | "signal">;

/** Brings the attempt to an agent and to a session of it. Until then nothing is done that matters. */
export async function runMessage(
  adapter: AcpAdapter,
  attempt: RuntimeAttempt,
  parts: RunParts,
): Promise<RunOutcome> {
  const { signal } = parts;
  const notStarted = () => toStoppedOutcome(signal.reason, { isStarted: false, isFenced: true });
  const problem = await adapter.findProblem();
  if (problem !== null) return refuse(problem);
  const kept = await adapter.keeper.reach(signal);
  if (signal.aborted) return notStarted();
  if (kept.kind !== "running") {
    return refuse(`${adapter.location} ${kept.kind === "down" ? kept.reason : "is still starting"}`);
  }
  const { link } = kept;
  const meshKey = attempt.session?.key ?? null;
  const session = await openForMessage(adapter, link, { meshKey, signal });
  if (session.kind === "stopped") return notStarted();
  if (session.kind === "failed") return session;
  const { id } = session;
  let isInDoubt = false;
  const noteDoubt = () => {
    isInDoubt = true;
  };
  try {
    return await promptSession(adapter, attempt, { ...parts, link, id, noteDoubt });
  } finally {
    adapter.sessions.release(link, { id, meshKey, isInDoubt });
  }
}

interface PromptParts extends RunParts {
  readonly link: AgentLink;
  readonly id: string;
  /** The agent answered with an error. */
  readonly noteDoubt: () => void;
}

/** One message in one session. Never rejects for what the agent does. */
async function promptSession(
  adapter: AcpAdapter,
  attempt: RuntimeAttempt,
  { signal, onChunk, link, id, noteDoubt }: PromptParts,
): Promise<RunOutcome> {
  const { location, keeper, options } = adapter;
  const stop = Promise.withResolvers<void>();
  const turn = createPromptTurn({
    policy: choosePolicy(options.settings.approvals, attempt.isUntrusted),
    location,
    onChunk,
    onFailure: stop.resolve,
  });
  const onAbort = () => {
    turn.end();
    stop.resolve();
  };
  signal.addEventListener("abort", onAbort, { once: true });
  adapter.turns.set(id, turn);
  const answer = settleRequest(sendPrompt(link, id, attempt));
  try {
    const end = await Promise.race([answer, stop.promise.then(() => null)]);
    if (end === null) {
      const isFenced = await cancelTurn(adapter, { link, id, answer });
      const failure = turn.failure();
      if (failure !== null) return { kind: "failed", failure };
      return toStoppedOutcome(signal.reason, { isStarted: true, isFenced });
    }
    if (end.kind === "answered") {
      keeper.praise();
      const stopReason = PromptAnswer.safeParse(end.value).data?.stopReason ?? "";
      return matchStopReason(stopReason, turn.text(), location);
    }
    noteDoubt();
    return await toEndOutcome(adapter, link, end.error);
  } finally {
    turn.end();
    adapter.turns.delete(id);
    signal.removeEventListener("abort", onAbort);
  }
}

function sendPrompt({ agent }: AgentLink, sessionId: string, attempt: RuntimeAttempt): Promise<unknown> {
  return agent.request<unknown>(methods.agent.session.prompt, {
    sessionId,
    prompt: [{ type: "text", text: attempt.content }],
    ...(attempt.isUntrusted ? { _meta: { "claw-mesh/untrusted": true } } : {}),
  });
}

interface CancelParts {
  readonly link: AgentLink;
  readonly id: string;
  readonly answer: ReturnType<typeof settleRequest<unknown>>;
}

/** @returns whether the agent has said that its turn is over */
async function cancelTurn(adapter: AcpAdapter, { link, id, answer }: CancelParts): Promise<boolean> {
  const { limits, location, options } = adapter;
  // Where it cannot be sent, the answer tells what became of the agent.
  link.agent.notify(methods.agent.session.cancel, { sessionId: id }).catch(() => undefined);
  const end = await waitAtMost(answer, { clock: options.clock, limitMs: limits.cancelMs, otherwise: null });
  if (end?.kind === "answered") return true;
  if (end !== null) return matchRequestError(end.error, { location, wantsLogin: false }) !== null;
  await adapter.keeper.kill(link, `did not stop its turn within ${limits.cancelMs / 1000} s`);
  return false;
}

/** The message was given to the agent, and no stop reason came back. */
async function toEndOutcome(adapter: AcpAdapter, link: AgentLink, error: unknown): Promise<RunOutcome> {
  const { location } = adapter;
  // An agent that offers no way to log in wants none, whatever it means by that code.
  const failure = matchRequestError(error, { location, wantsLogin: link.info.authMethods.length > 0 });
  if (failure !== null) {
    if (failure.kind === "auth") adapter.login.noteRefused(link);
    return { kind: "failed", failure };
  }
  if (!link.isClosed()) {
    const message = `${location} ended its turn in a way that ACP does not have`;
    return { kind: "failed", failure: { class: "runtime_error", kind: "internal", message } };
  }
  const reason = `${location} ${await describeEnd(adapter, link)} before its answer was complete`;
  return { kind: "lost", started: true, fenced: false, reason };
}

function refuse(message: string): RunOutcome {
  return { kind: "failed", failure: { class: "refused", message } };
}
