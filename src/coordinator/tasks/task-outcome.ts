import { countedAttempts } from "../../domain/tasks/retry-policy.ts";
import type { Task } from "../../domain/tasks/task.ts";
import type { Decision } from "../../protocol/decision.ts";
import { type ErrorCode, MeshError } from "../../protocol/errors.ts";
import { type Failure, type FailureClass, maxFailureLength } from "../../protocol/failure.ts";
import type { RouteAnswer } from "../../protocol/http/contract.ts";
import { unblockText } from "../../protocol/unblock-text.ts";
import { viewDecision } from "./decision-view.ts";
import { fullRefusalText, refusalText } from "./refusal-by-rule.ts";

const codeOfClass: Readonly<Record<FailureClass, ErrorCode>> = {
  unroutable: "NO_NODE_FITS",
  refused: "MESSAGE_REFUSED",
  lost_before_start: "OUTCOME_UNKNOWN",
  lost_after_start: "OUTCOME_UNKNOWN",
  outcome_unknown: "OUTCOME_UNKNOWN",
  runtime_error: "RUNTIME_FAILED",
  too_large: "ANSWER_TOO_LARGE",
  timeout: "MESSAGE_TIMEOUT",
};

/**
 * What one who waits for a message is told of its end: the answer, or a thrown MeshError that says why there is none.
 * `seesAll`: he has the scope `read`.
 */
export function toRouteAnswer(task: Task, seesAll: boolean): RouteAnswer {
  const last = task.attempts.at(-1);
  if (task.state !== "succeeded" || last === undefined) throw toMessageError(task, seesAll);
  return {
    message_id: task.message.id,
    node_id: last.nodeId,
    node_name: last.nodeName,
    response: task.response ?? "",
    attempts: task.attempts.length,
    duration_ms: (task.endedAtMs ?? task.message.createdAtMs) - task.message.createdAtMs,
  };
}

function toMessageError(task: Task, seesAll: boolean): MeshError {
  const { failure, decision } = task;
  const isRefusedByRule = failure?.class === "refused" && decision?.outcome === "refused";
  const isExplained = failure?.class === "unroutable" || isRefusedByRule;
  const details = {
    message_id: task.message.id,
    ...(task.nodeId === null ? {} : { node_id: task.nodeId, node_name: task.attempts.at(-1)?.nodeName }),
    ...(failure === null ? {} : { failure }),
    ...(isExplained && decision !== null
      ? { decision: viewDecision(decision, { message: task.message, seesAll }) }
      : {}),
  };
  if (task.state === "cancelled")
    return new MeshError("MESSAGE_CANCELLED", "The message was cancelled.", { details });
  if (task.state === "expired")
    return new MeshError("MESSAGE_EXPIRED", expiryText(countedAttempts(task)), { details });
  if (failure === null)
    return new MeshError("INTERNAL", `The message ended ${task.state} without a reason.`, { details });
  if (isRefusedByRule && seesAll)
    return new MeshError("REFUSED_BY_RULE", fullRefusalText(decision), { details });
  const code = isRefusedByRule ? "REFUSED_BY_RULE" : codeOfClass[failure.class];
  return new MeshError(code, failure.message, { details });
}

function expiryText(tries: number): string {
  if (tries === 0) return "No node took the message before it expired.";
  return `The message expired before it was tried again, after ${tries} ${tries === 1 ? "try" : "tries"}.`;
}

/** Why no node takes it, or no other one does. */
export function unroutableFailure(task: Task, decision: Decision, nowMs: number): Failure {
  if (decision.outcome === "refused") return { class: "refused", message: refusalText(decision) };
  const tries = task.attempts.length;
  if (tries > 0) {
    const last = task.attempts.at(-1)?.failure?.message ?? "";
    const message = `No other node fits after ${tries} ${tries === 1 ? "try" : "tries"}. ${last}`;
    return { class: "refused", message: message.trimEnd().slice(0, maxFailureLength) };
  }
  const needs = unblockText(decision, nowMs);
  return {
    class: "unroutable",
    message: needs === null ? "No node fits this message." : `It needs ${needs}.`,
  };
}
