import { countedAttempts } from "../../domain/tasks/retry-policy.ts";
import type { Task } from "../../domain/tasks/task.ts";
import { type ErrorCode, MeshError } from "../../protocol/errors.ts";
import type { FailureClass } from "../../protocol/failure.ts";
import type { RouteAnswer } from "../../protocol/http/contract.ts";

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

/** What the sender of an ended message is told: the answer, or a thrown MeshError that says why there is none. */
export function toRouteAnswer(task: Task): RouteAnswer {
  const last = task.attempts.at(-1);
  if (task.state !== "succeeded" || last === undefined) throw toMessageError(task);
  return {
    message_id: task.message.id,
    node_id: last.nodeId,
    node_name: last.nodeName,
    response: task.response ?? "",
    attempts: task.attempts.length,
    duration_ms: (task.endedAtMs ?? task.message.createdAtMs) - task.message.createdAtMs,
  };
}

function toMessageError(task: Task): MeshError {
  const { failure } = task;
  const details = {
    message_id: task.message.id,
    ...(task.nodeId === null ? {} : { node_id: task.nodeId, node_name: task.attempts.at(-1)?.nodeName }),
    ...(failure === null ? {} : { failure }),
    ...(failure?.class === "unroutable" && task.decision !== null ? { decision: task.decision } : {}),
  };
  if (task.state === "cancelled")
    return new MeshError("MESSAGE_CANCELLED", "The message was cancelled.", { details });
  if (task.state === "expired")
    return new MeshError("MESSAGE_EXPIRED", expiryText(countedAttempts(task)), { details });
  if (failure === null)
    return new MeshError("INTERNAL", `The message ended ${task.state} without a reason.`, { details });
  return new MeshError(codeOfClass[failure.class], failure.message, { details });
}

function expiryText(tries: number): string {
  if (tries === 0) return "No node took the message before it expired.";
  return `The message expired before it was tried again, after ${tries} ${tries === 1 ? "try" : "tries"}.`;
}
