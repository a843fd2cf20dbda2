import { z } from "zod";

/** Why an attempt or a task ended without an answer. Section "failure classes" of docs/reference/errors.md. */
export const FailureClass = z.enum([
  "unroutable",
  "refused",
  "lost_before_start",
  "lost_after_start",
  "outcome_unknown",
  "runtime_error",
  "too_large",
  "timeout",
]);
export type FailureClass = z.infer<typeof FailureClass>;

export const RuntimeErrorKind = z.enum(["auth", "quota", "overloaded", "bad_request", "internal"]);
export type RuntimeErrorKind = z.infer<typeof RuntimeErrorKind>;

/** UTF-16 code units of {@link Failure}'s message at most. */
export const maxFailureLength = 4096;

export const Failure = z.object({
  class: FailureClass,
  /** Only with `runtime_error`. */
  kind: RuntimeErrorKind.optional(),
  /** One sentence without secrets. */
  message: z.string().max(maxFailureLength),
  /** The runtime vouches that the attempt had no effect, so it may be run again whatever its `effects`. */
  nothing_done: z.boolean().optional(),
});
export type Failure = z.infer<typeof Failure>;
