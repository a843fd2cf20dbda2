import { z } from "zod";
import { sha256Hex } from "../platform/hash.ts";
import { exceedsBytes } from "../platform/text-size.ts";
import { Failure, maxFailureLength } from "../protocol/failure.ts";
import {
  type AttemptRef,
  type CancelledFrame,
  type ChunkFrame,
  type FailedFrame,
  type LostFrame,
  maxChunkLength,
  maxInlineLength,
  type ResultFrame,
} from "../protocol/link/v1/frames.ts";
import { maxAnswerBytes } from "../protocol/task.ts";
import type { RunOutcome } from "../runtimes/runtime.ts";

/** A run's outcome as the journal keeps it. */
export const StoredOutcome = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("succeeded"), text: z.string() }),
  z.object({ kind: z.literal("failed"), failure: Failure }),
  z.object({ kind: z.literal("cancelled") }),
  z.object({ kind: z.literal("lost"), started: z.boolean(), fenced: z.boolean(), reason: z.string() }),
]);

export type OutcomeFrame = ResultFrame | FailedFrame | CancelledFrame | LostFrame;

const maxReasonLength = 1024;

/**
 * The outcome within the limits of the wire: answers over 8 MiB fail as `too_large`, long reasons are cut, and what is no
 * outcome, as of an adapter that trusts a gateway too far, fails as `internal`: journal and coordinator would refuse it.
 */
export function boundOutcome(outcome: RunOutcome): RunOutcome {
  const checked = StoredOutcome.safeParse(cutOutcome(outcome));
  return checked.success ? checked.data : malformed;
}

function cutOutcome(outcome: RunOutcome): RunOutcome {
  switch (outcome.kind) {
    case "succeeded":
      return exceedsBytes(outcome.text, maxAnswerBytes) ? tooLarge : outcome;
    case "failed":
      return {
        ...outcome,
        failure: { ...outcome.failure, message: outcome.failure.message.slice(0, maxFailureLength) },
      };
    case "lost":
      return { ...outcome, reason: outcome.reason.slice(0, maxReasonLength) };
    case "cancelled":
      return outcome;
  }
}

const tooLarge: RunOutcome = {
  kind: "failed",
  failure: { class: "too_large", message: `the answer is longer than ${maxAnswerBytes / 2 ** 20} MiB` },
};

const malformed: RunOutcome = {
  kind: "failed",
  failure: { class: "runtime_error", kind: "internal", message: "the runtime adapter told no valid outcome" },
};

/** Whether the outcome goes as one frame; a longer answer goes before it in {@link answerChunks}. */
export function fitsInline(outcome: RunOutcome): boolean {
  return outcome.kind !== "succeeded" || outcome.text.length <= maxInlineLength;
}

/** The frame that ends the attempt. */
export function toOutcomeFrame(ref: AttemptRef, outcome: RunOutcome): OutcomeFrame {
  const { task, attempt } = ref;
  switch (outcome.kind) {
    case "succeeded": {
      const { text } = outcome;
      const answer = fitsInline(outcome) ? { text } : { sha256: sha256Hex(text) };
      return { type: "result", task, attempt, length: text.length, ...answer };
    }
    case "failed":
      return { type: "failed", task, attempt, failure: outcome.failure };
    case "cancelled":
      return { type: "cancelled", task, attempt };
    case "lost": {
      const { started, fenced, reason } = outcome;
      return { type: "lost", task, attempt, started, fenced, reason };
    }
  }
}

/** The pieces of a long answer, in order. */
export function* answerChunks(ref: AttemptRef, text: string): Generator<ChunkFrame, void, void> {
  const { task, attempt } = ref;
  for (let offset = 0; offset < text.length; offset += maxChunkLength) {
    const piece = text.slice(offset, offset + maxChunkLength);
    yield { type: "chunk", task, attempt, offset, text: piece, final: true };
  }
}
