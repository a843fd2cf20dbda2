import type { Failure } from "../../protocol/failure.ts";
import { defaultMaxAttempts, type Effects, RetryCause, type RetryInput } from "../../protocol/message.ts";
import type { Attempt, Task, TaskMessage } from "./task.ts";

/** When and how often a task is tried again, every value settled. */
export interface RetryPolicy {
  /** Attempts that may reach a runtime. */
  readonly maxAttempts: number;
  /** Before the second attempt, at most; it doubles with every further one. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  readonly on: ReadonlySet<RetryCause>;
}

export const defaultRetryPolicy: RetryPolicy = {
  maxAttempts: defaultMaxAttempts,
  baseDelayMs: 500,
  maxDelayMs: 30_000,
  on: new Set<RetryCause>(["lost_after_start", "overloaded", "internal"]),
};

/**
 * Attempts of one task in all, those that no node took included: then it ends as `refused`. By the pauses between
 * refusals of one node that is after two and a half hours at the least, and five days where nothing else happens there.
 */
export const maxOffers = 1_000;

/** How long a lost attempt of a task that may go on elsewhere may stay unreported before the task moves. */
export const safeGraceMs = 500;

/** How long a lost attempt of any other task may stay unreported before the task ends with its outcome unknown. */
export const unsafeGraceMs = 30_000;

/** How long a node has to confirm a cancel before the task ends `cancelled` with its outcome unknown. */
export const cancelConfirmMs = 10_000;

/** Where only one of the two pauses is given, it draws the other's default with it: the longest is never the shorter. */
export function toRetryPolicy(input: RetryInput | undefined): RetryPolicy {
  if (input === undefined) return defaultRetryPolicy;
  const givenBaseMs = input.base_delay_s === undefined ? null : input.base_delay_s * 1000;
  const givenMaxMs = input.max_delay_s === undefined ? null : input.max_delay_s * 1000;
  const baseDelayMs =
    givenBaseMs ?? Math.min(defaultRetryPolicy.baseDelayMs, givenMaxMs ?? Number.POSITIVE_INFINITY);
  return {
    maxAttempts: input.max_attempts ?? defaultRetryPolicy.maxAttempts,
    baseDelayMs,
    maxDelayMs: Math.max(baseDelayMs, givenMaxMs ?? defaultRetryPolicy.maxDelayMs),
    on: input.on === undefined ? defaultRetryPolicy.on : new Set(input.on),
  };
}

/** Grows by doubling up to the policy's longest pause, with full jitter over its upper half. `random` is in [0, 1). */
export function retryDelayMs(
  { baseDelayMs, maxDelayMs }: Pick<RetryPolicy, "baseDelayMs" | "maxDelayMs">,
  failedAttempts: number,
  random: number,
): number {
  const ceiling = Math.min(maxDelayMs, baseDelayMs * 2 ** Math.max(0, failedAttempts - 1));
  return Math.round(ceiling / 2 + (random * ceiling) / 2);
}

/** Whether a lost attempt may be followed by another one although it may have had effects. */
export function mayRunAgain(message: Pick<TaskMessage, "effects" | "retry">): boolean {
  return message.effects === "safe" && message.retry.on.has("lost_after_start");
}

/** Whether the attempt may have reached a runtime. */
export function isCounted({ state, failure }: Attempt): boolean {
  return state !== "refused" && failure?.class !== "lost_before_start";
}

/** Attempts that may have reached a runtime. */
export function countedAttempts({ attempts }: Pick<Task, "attempts">): number {
  return attempts.filter(isCounted).length;
}

/**
 * Whether the task would go on elsewhere if its current attempt were lost now. One that would not has nothing to gain from
 * giving its node up: it is waited for as long as for an unsafe one.
 */
export function mayMove(task: Pick<Task, "attempts" | "message">): boolean {
  return mayRunAgain(task.message) && countedAttempts(task) < task.message.retry.maxAttempts;
}

/** How long the current attempt may stay unreported once its link is lost. */
export function graceMs(task: Pick<Task, "attempts" | "message">): number {
  return mayMove(task) ? safeGraceMs : unsafeGraceMs;
}

/** Whether a reported failure may be tried again, somewhere else first. */
export function isRetryable(failure: Failure, effects: Effects, policy: RetryPolicy): boolean {
  if (failure.class !== "runtime_error") return false;
  const cause = RetryCause.safeParse(failure.kind);
  if (!cause.success || !policy.on.has(cause.data)) return false;
  return effects === "safe" || failure.nothing_done === true;
}
