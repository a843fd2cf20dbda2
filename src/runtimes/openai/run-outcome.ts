import { errorCodeOf } from "../../platform/atomic-file.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { Secret } from "../../protocol/secret.ts";
import { readBoundedBody, readJson } from "../bounded-body.ts";
import { matchConnectionOutcome } from "../connection-outcome.ts";
import type { RunOutcome } from "../runtime.ts";
import { closedOutcome, toStopOutcome } from "../stop-outcome.ts";
import type { AnswerEnd } from "./answer-stream.ts";
import type { ChatRequest } from "./chat-request.ts";
import { matchEmptyAnswer, matchStatusFailure, matchStreamFailure, tidyMessage } from "./failure-map.ts";
import { readServerError } from "./server-error.ts";

/** Bytes of an error body that are read. */
const maxErrorBytes = 64 * 1024;

/** Stops a run besides the attempt's own reasons. */
export const closedReason = "closed";

/** How far a run has come. */
export interface RunProgress {
  readonly signal: AbortSignal;
  /** `submitted`: the server may have the message; `answering`: it surely has it. */
  phase: "preparing" | "submitted" | "answering";
  /** The server is known to stop a run whose request is closed. */
  stopsWithRequest: boolean;
}

/** What a run settles with when its request failed for another reason than being stopped. */
export function toLostOutcome(error: unknown, phase: RunProgress["phase"], location: string): RunOutcome {
  const code = errorCodeOf(error);
  const outcome = matchConnectionOutcome(phase === "answering" ? null : code, location);
  if (phase !== "preparing" || outcome.kind !== "lost") return outcome;
  return { kind: "failed", failure: { class: "refused", message: outcome.reason } };
}

/**
 * What a run settles with when it was stopped: by its attempt, its deadline or the end of the agent. The API has no word by
 * which a server would say that it works on a closed request no more.
 */
export function toStoppedOutcome(
  { signal, phase, stopsWithRequest }: RunProgress,
  location: string,
): RunOutcome {
  const { reason } = signal;
  if (phase === "preparing") return reason === closedReason ? closedOutcome : toStopOutcome(reason);
  if (reason === closedReason) return { ...closedOutcome, started: true, fenced: false };
  if (reason === "timeout" || stopsWithRequest) return toStopOutcome(reason);
  return {
    kind: "lost",
    started: true,
    fenced: false,
    reason: `the request to ${location} was closed; the server does not confirm that the run was stopped`,
  };
}

/** Other programs had a part in these texts: no key gets through, nor more than a line. */
export function tidyOutcome(outcome: RunOutcome, secrets: readonly Secret[]): RunOutcome {
  if (outcome.kind !== "failed") return outcome;
  const failure = { ...outcome.failure, message: tidyMessage(outcome.failure.message, secrets) };
  return { kind: "failed", failure };
}

export async function readFailure(
  response: Response,
  location: string,
  path: ChatRequest["path"],
): Promise<Failure> {
  const body = readJson(await readBoundedBody(response, maxErrorBytes));
  return matchStatusFailure(response.status, readServerError(body), { location, path });
}

export function toOutcome(end: AnswerEnd, location: string): RunOutcome {
  switch (end.kind) {
    case "finished":
      if (end.text === "") return { kind: "failed", failure: matchEmptyAnswer(end.finishReason, location) };
      return { kind: "succeeded", text: end.text };
    case "error":
      return { kind: "failed", failure: matchStreamFailure(end.error, location) };
    case "too_large":
      return {
        kind: "failed",
        failure: { class: "too_large", message: `the answer of ${location} is longer than 8 MiB` },
      };
    case "cut":
      return matchConnectionOutcome(null, location);
    case "foreign":
      return {
        kind: "failed",
        failure: {
          class: "runtime_error",
          kind: "bad_request",
          message: `${location} is not an OpenAI-compatible server: it answered with ${end.contentType}`,
        },
      };
    default:
      return end satisfies never;
  }
}
