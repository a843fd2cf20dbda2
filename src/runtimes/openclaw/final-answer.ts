import type { RunOutcome } from "../runtime.ts";
import { matchRunFailure, type RunObservations } from "./failure-map.ts";
import type { FinalAnswer, WaitAnswer } from "./gateway-schemas.ts";

/** Between the texts of an answer that OpenClaw gives in several payloads. */
const payloadSeparator = "\n\n";

/**
 * `in_flight`: no final answer at all; the run goes on and somebody else is waiting for it.
 * `interrupted`: broken off for a restart of the gateway, which may take it up again, or by a reset of its session.
 */
export type FinalDecision = RunOutcome | "in_flight" | "interrupted";

/**
 * What the last answer to `agent` means. `ok` of the frame says little: a run that failed, timed out or was cancelled
 * may come with `ok: true`, and one that failed with `ok: false`.
 * @param isOk the frame's `ok`
 */
export function matchFinalAnswer(
  isOk: boolean,
  answer: FinalAnswer,
  observed: RunObservations,
): FinalDecision {
  if (answer.status === "in_flight") return "in_flight";
  if (answer.status === "timeout") return matchEndedEarly(answer, observed);
  const payloads = answer.result?.payloads ?? [];
  const hasFailed = !isOk || answer.status !== "ok";
  const texts = payloads.filter((payload) => payload.isError !== true).map((payload) => payload.text ?? "");
  const isOnlyErrors = payloads.length > 0 && texts.length === 0;
  if (hasFailed || isOnlyErrors) {
    const said = payloads.find((payload) => payload.isError === true)?.text;
    const message = said ?? answer.summary ?? "the OpenClaw run failed without a reason";
    return { kind: "failed", failure: matchRunFailure(message, observed) };
  }
  return { kind: "succeeded", text: texts.filter((text) => text !== "").join(payloadSeparator) };
}

/** What `agent.wait` tells of a run that has ended otherwise than with an answer; null when it has one. */
export function matchWaitFailure(
  answer: WaitAnswer,
  observed: RunObservations,
): RunOutcome | "interrupted" | null {
  if (answer.status === "ok") return null;
  // Here `stop` may also be the model's own; a run that failed after it says why.
  const isStopped =
    answer.stopReason === "stop" ? answer.error === undefined : stopReasons.has(answer.stopReason);
  if (answer.status === "timeout" || isStopped || answer.stopReason === restartReason)
    return matchEndedEarly(answer, observed);
  const message = answer.error ?? "the OpenClaw run failed without a reason";
  return { kind: "failed", failure: matchRunFailure(message, observed) };
}

/** An abort by request, and `/stop` in the conversation; the status says `timeout` or `error` then. */
const stopReasons: ReadonlySet<string | undefined> = new Set(["rpc", "stop"]);
const restartReason = "restart";

/** `timeoutPhase` without such a reason is the gateway's own limit. */
function matchEndedEarly(
  answer: Pick<FinalAnswer, "stopReason" | "timeoutPhase">,
  observed: RunObservations,
): RunOutcome | "interrupted" {
  if (stopReasons.has(answer.stopReason)) return { kind: "cancelled" };
  if (answer.stopReason === restartReason) return "interrupted";
  if (answer.timeoutPhase !== undefined) {
    return {
      kind: "failed",
      failure: {
        class: "timeout",
        message: "OpenClaw ended the run: its time was over before it had answered",
      },
    };
  }
  return {
    kind: "failed",
    failure: matchRunFailure("OpenClaw ended the run early and gave no reason", observed),
  };
}
