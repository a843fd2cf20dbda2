import { methods } from "@agentclientprotocol/sdk";
import { waitAtMost } from "../../platform/bounded-wait.ts";
import { choosePolicy } from "../approval-policy.ts";
import { toStoppedOutcome } from "../bounded-attempts.ts";
import type { RunControl, RunOutcome, RuntimeAttempt } from "../runtime.ts";
import type { AcpAdapter } from "./adapter.ts";
import { PromptAnswer } from "./agent-answers.ts";
import { matchRequestError, matchStopReason } from "./agent-outcome.ts";
import type { AgentLink } from "./agent-process.ts";
import { createPromptTurn } from "./prompt-turn.ts";

/** How long an agent may take to stop its turn, once asked, before its process is ended. Others wait 5 s for all of it. */
const cancelLimitMs = 2_500;

/** Longest wait for the end of a process whose connection has ended. */
const endWaitMs = 2_000;

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
  const opening = adapter.sessions.open(link, meshKey);
  try {
    const id = await unlessAborted(opening, signal);
    if (id === null) {
      opening.then(
        (late) => adapter.sessions.release(link, { id: late, meshKey }),
        () => undefined,
      );
      return notStarted();
    }
    adapter.login.noteOpened();
    return await promptSession(adapter, attempt, { ...parts, link, id }).finally(() =>
      adapter.sessions.release(link, { id, meshKey }),
    );
  } catch (error) {
    const failure = matchRequestError(error, adapter.location);
    if (failure === null) return refuse(`${adapter.location} ${await describeUnopened(adapter, link)}`);
    if (failure.kind === "auth") adapter.login.noteRefused(link);
    return { kind: "failed", failure: { ...failure, nothing_done: true } };
  }
}

interface PromptParts extends RunParts {
  readonly link: AgentLink;
  readonly id: string;
}

/** One message in one session. Never rejects for what the agent does. */
async function promptSession(
  adapter: AcpAdapter,
  attempt: RuntimeAttempt,
  { signal, onChunk, link, id }: PromptParts,
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
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  adapter.turns.set(id, turn);
  const answer = settleRequest(
    link.agent.request<unknown>(methods.agent.session.prompt, {
      sessionId: id,
      prompt: [{ type: "text", text: attempt.content }],
      ...(attempt.isUntrusted ? { _meta: { "claw-mesh/untrusted": true } } : {}),
    }),
  );
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
    return await toEndOutcome(adapter, link, end.error);
  } finally {
    turn.end();
    adapter.turns.delete(id);
    signal.removeEventListener("abort", onAbort);
  }
}

type Settled<T> =
  | { readonly kind: "answered"; readonly value: T }
  | { readonly kind: "failed"; readonly error: unknown };

function settleRequest<T>(request: Promise<T>): Promise<Settled<T>> {
  return request.then(
    (value): Settled<T> => ({ kind: "answered", value }),
    (error: unknown): Settled<T> => ({ kind: "failed", error }),
  );
}

interface CancelParts {
  readonly link: AgentLink;
  readonly id: string;
  readonly answer: Promise<Settled<unknown>>;
}

/** @returns whether the agent has said that its turn is over */
async function cancelTurn(adapter: AcpAdapter, { link, id, answer }: CancelParts): Promise<boolean> {
  const { clock } = adapter.options;
  // Where it cannot be sent, the answer tells what became of the agent.
  link.agent.notify(methods.agent.session.cancel, { sessionId: id }).catch(() => undefined);
  const end = await waitAtMost(answer, { clock, limitMs: cancelLimitMs, otherwise: null });
  if (end !== null) return end.kind === "answered" || matchRequestError(end.error, "") !== null;
  await adapter.keeper.kill(link, `did not stop its turn within ${cancelLimitMs / 1000} s`);
  return false;
}

/** The message was given to the agent, and no stop reason came back. */
async function toEndOutcome(adapter: AcpAdapter, link: AgentLink, error: unknown): Promise<RunOutcome> {
  const { location } = adapter;
  const failure = matchRequestError(error, location);
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

/** The connection ends a moment before the process does. */
async function describeEnd({ options }: AcpAdapter, link: AgentLink): Promise<string> {
  const { clock } = options;
  const otherwise = "closed its connection";
  return await waitAtMost(link.ended, { clock, limitMs: endWaitMs, otherwise });
}

async function describeUnopened(adapter: AcpAdapter, link: AgentLink): Promise<string> {
  return link.isClosed()
    ? await describeEnd(adapter, link)
    : "opens sessions in a way that ACP does not have";
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | null> {
  const aborted = Promise.withResolvers<null>();
  const onAbort = () => aborted.resolve(null);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function refuse(message: string): RunOutcome {
  return { kind: "failed", failure: { class: "refused", message } };
}
