import type { SafeAnswer } from "../../platform/safe-fetch.ts";
import { exceedsBytes } from "../../platform/text-size.ts";
import {
  classicGatewayError,
  classicNoGateway,
  DirectAnswer,
  DirectOutcome,
  directOutcomeHeader,
  fromHeaderJson,
} from "../../protocol/direct.ts";
import type { Failure } from "../../protocol/failure.ts";
import { countParts, parseJsonText } from "../../protocol/json-text.ts";
import type { AttemptRef } from "../../protocol/link/v1/frames.ts";
import { maxAnswerBytes } from "../../protocol/task.ts";
import type { AttemptFrame } from "../dispatch/attempt-reports.ts";

/** Bytes of an HTTP answer: JSON may spell a character of the text in six. */
export const maxDeliveryBytes = 2 * maxAnswerBytes;

/** Commas and openings of an answer: it has three fields, and perhaps those of a later version. */
const maxAnswerParts = 1_000;

/** Bytes that are read of an HTTP answer with another status than 200: it says why, in a sentence. */
export const maxErrorAnswerBytes = 64 * 1024;

/** Characters of what a node says about a failure. */
const maxDetailLength = 300;

/** What a call means to the attempt and to the node. */
export interface DeliveryOutcome {
  readonly frame: AttemptFrame;
  /** Nobody listens at the endpoint. */
  readonly isUnreachable: boolean;
  /** The answer says that there is no AI behind the node (`true`) or that there is; null: it says neither. */
  readonly isEcho: boolean | null;
}

type Answered = Extract<SafeAnswer, { readonly kind: "answered" }>;

/** Reads the end of one delivery in the words of a link, so that all that follows is the same for both transports. */
export function toDeliveryOutcome(ref: AttemptRef, answer: SafeAnswer): DeliveryOutcome {
  const { task, attempt } = ref;
  const outcome = (frame: AttemptFrame, isUnreachable = false): DeliveryOutcome => ({
    frame,
    isUnreachable,
    isEcho: null,
  });
  const lost = (started: boolean, reason: string): AttemptFrame => ({
    type: "lost",
    task,
    attempt,
    started,
    fenced: !started,
    reason,
  });
  const failed = (failure: Failure): AttemptFrame => ({ type: "failed", task, attempt, failure });
  switch (answer.kind) {
    case "answered":
      return readAnswered(ref, answer);
    case "refused":
      return outcome(lost(false, `The endpoint was not called: ${answer.reason}.`), true);
    case "broken":
      return answer.wasWritten
        ? outcome(lost(true, `The connection broke before the answer (${answer.reason}).`))
        : outcome(lost(false, `The endpoint took no connection (${answer.reason}).`), true);
    case "timed_out":
      return answer.wasWritten
        ? outcome(failed({ class: "timeout", message: "The node did not answer in time." }))
        : outcome(lost(false, "The endpoint took no connection in time."), true);
    case "aborted":
      // Nothing more will be heard of it, so nobody needs to wait for a confirmation.
      return outcome(
        answer.wasWritten
          ? lost(true, "The call was ended; the run may have gone on.")
          : { type: "cancelled", task, attempt },
      );
    case "too_large":
      return outcome(failed(tooLarge));
    case "redirected": {
      const message = `The endpoint answered with a redirect (${answer.status}), which is not followed.`;
      return outcome(failed({ class: "runtime_error", kind: "internal", message }));
    }
  }
}

/** The end of a call whose answer was not read to its end, because too much of other answers was being read. */
export function toBeyondOutcome({ task, attempt }: AttemptRef): DeliveryOutcome {
  const message = "More long answers of direct nodes came at once than are kept.";
  const frame = { type: "failed", task, attempt, failure: { class: "too_large", message } } as const;
  return { frame, isUnreachable: false, isEcho: null };
}

const tooLarge: Failure = {
  class: "too_large",
  message: `The answer has more than ${maxAnswerBytes / 2 ** 20} MiB.`,
};

function readAnswered(ref: AttemptRef, answer: Answered): DeliveryOutcome {
  const { task, attempt } = ref;
  const of = (frame: AttemptFrame, isEcho: boolean | null = null): DeliveryOutcome => ({
    frame,
    isUnreachable: false,
    isEcho,
  });
  const failed = (failure: Failure) => of({ type: "failed", task, attempt, failure });
  if (answer.status !== 200) return of(readFailure(ref, answer));
  const isShort = countParts(answer.text) <= maxAnswerParts;
  const parsed = DirectAnswer.safeParse(isShort ? parseJson(answer.text) : undefined);
  if (!parsed.success) {
    const message = "The node answered 200, but not in the words of the direct transport.";
    return failed({ class: "runtime_error", kind: "internal", message });
  }
  const { response: text } = parsed.data;
  if (text.startsWith(classicGatewayError)) {
    const message = "The node's gateway failed; the node echoed the message.";
    return failed({ class: "runtime_error", kind: "internal", message });
  }
  if (exceedsBytes(text, maxAnswerBytes)) return failed(tooLarge);
  return of({ type: "result", task, attempt, length: text.length, text }, text.startsWith(classicNoGateway));
}

function readFailure({ task, attempt }: AttemptRef, answer: Answered): AttemptFrame {
  const { status, headers, text } = answer;
  const detail = errorText(text);
  const message = `The node answered ${status}${detail === "" ? "" : `: ${detail}`}`;
  const told = fromHeaderJson(DirectOutcome, headers.get(directOutcomeHeader));
  if (told?.kind === "refused") {
    return { type: "refuse", task, attempt, reason: told.reason, message, isUnbegun: true };
  }
  if (told?.kind === "lost") {
    return { type: "lost", task, attempt, started: told.started, fenced: told.fenced, reason: message };
  }
  const failure: Failure =
    told === null
      ? failureOf(status, message)
      : { ...told.failure, message: detail === "" ? message : detail };
  return { type: "failed", task, attempt, failure };
}

function failureOf(status: number, message: string): Failure {
  switch (status) {
    case 401:
    case 403:
      return { class: "runtime_error", kind: "auth", message };
    case 429:
    case 503:
      return { class: "runtime_error", kind: "overloaded", message };
    default:
      return { class: "runtime_error", kind: status < 500 ? "bad_request" : "internal", message };
  }
}

/** `{"error": "…"}` of either side, or the beginning of whatever came. */
function errorText(body: string): string {
  const parsed = parseJson(body);
  const told = typeof parsed === "object" && parsed !== null && "error" in parsed ? parsed.error : body;
  return (typeof told === "string" ? told : "").trim().slice(0, maxDetailLength);
}

function parseJson(text: string): unknown {
  try {
    return parseJsonText(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
