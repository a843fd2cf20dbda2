import type { Failure } from "../../protocol/failure.ts";
import type { Effects } from "../../protocol/message.ts";

/** Attempts of one task that may reach a runtime; refusals and attempts that surely never started do not count. */
export const maxAttempts = 3;

/** How long a lost attempt of a `safe` task may stay unreported before the task moves. */
export const safeGraceMs = 500;

/** How long a lost attempt of an `unsafe` task may stay unreported before the task ends with its outcome unknown. */
export const unsafeGraceMs = 30_000;

/** How long a node has to confirm a cancel before the task ends `cancelled` with its outcome unknown. */
export const cancelConfirmMs = 10_000;

const baseDelayMs = 500;
const maxDelayMs = 30_000;

/** Grows from 0.5 s by doubling, capped at 30 s, with full jitter over its upper half. `random` is in [0, 1). */
export function retryDelayMs(failedAttempts: number, random: number): number {
  const ceiling = Math.min(maxDelayMs, baseDelayMs * 2 ** Math.max(0, failedAttempts - 1));
  return Math.round(ceiling / 2 + (random * ceiling) / 2);
}

export function graceMs(effects: Effects): number {
  return effects === "safe" ? safeGraceMs : unsafeGraceMs;
}

/** Whether a reported failure may be tried again, somewhere else first. */
export function isRetryable(failure: Failure, effects: Effects): boolean {
  if (failure.class !== "runtime_error") return false;
  if (failure.kind !== "overloaded" && failure.kind !== "internal") return false;
  return effects === "safe" || failure.nothing_done === true;
}
