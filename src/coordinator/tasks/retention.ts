import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { TaskId } from "../../protocol/ids.ts";
import type { TaskStore } from "../../store/tasks.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";

/** How long ended tasks are kept: until one of the two is exceeded. */
export interface RetentionPolicy {
  /** Since their end. */
  readonly days: number;
  /** Ended ones; tasks that have not ended are not counted, and never deleted. */
  readonly maxTasks: number;
}

/** Deletes ended tasks that nobody wants to keep, oldest first, without getting in the way of those that run. */
export interface Retention {
  readonly start: () => void;
  /** Resolves when nothing of it touches the store any more. */
  readonly stop: () => Promise<void>;
}

/** Between two rounds, and before the first: a start has other things to do. */
export const roundIntervalMs = 60_000;

/** Tasks that one step deletes at most: the store does nothing else meanwhile. */
export const maxStepTasks = 200;

/** Between two steps of a round. */
export const stepPauseMs = 20;

/**
 * However many there are, none is deleted so soon after its end: its sender may be about to repeat its key, and without
 * the record that would be a new message.
 */
export const minKeptMs = 3600 * 1000;

const dayMs = 24 * 3600 * 1000;

interface RetentionOptions {
  readonly store: Pick<TaskStore, "count" | "deleteFinished">;
  /** Tasks that have not ended. */
  readonly unfinished: () => number;
  readonly policy: RetentionPolicy;
  readonly events: MeshEventEmitter;
  readonly clock: Clock;
  readonly log: Log;
}

export function createRetention(options: RetentionOptions): Retention {
  const { store, unfinished, policy, events, clock, log } = options;
  /** Records there are; null: not counted yet. */
  let count: number | null = null;
  /** Accepted while they were counted, or since. */
  let acceptedSince = 0;
  let isStopped = false;
  let isFailing = false;
  let working: Promise<void> = Promise.resolve();
  let forgetTimer: () => void = () => undefined;

  events.on("task.accepted", () => {
    acceptedSince += 1;
  });

  /** Counts once: with many records it takes a while. */
  async function present(): Promise<number> {
    if (count === null) {
      acceptedSince = 0;
      count = await store.count();
    }
    count += acceptedSince;
    acceptedSince = 0;
    return count;
  }

  function pause(): Promise<void> {
    return new Promise((resolve) => {
      const forget = clock.after(stepPauseMs, resolve, { unref: true });
      forgetTimer = () => {
        forget();
        resolve();
      };
    });
  }

  /** Steps until nothing is left that `limitOf` wants to have deleted. @returns how many were */
  async function deleteWhile(endedBeforeMs: number, limitOf: () => Promise<number>): Promise<number> {
    let total = 0;
    let after: TaskId | null = null;
    for (let limit = await limitOf(); limit > 0 && !isStopped; limit = await limitOf()) {
      const step: { deleted: number; next: TaskId | null } = await store.deleteFinished({
        endedBeforeMs,
        after,
        limit: Math.min(limit, maxStepTasks),
      });
      total += step.deleted;
      if (count !== null) count -= step.deleted;
      if (step.deleted > 0) events.emit("tasks.deleted", { count: step.deleted });
      after = step.next;
      if (after === null) break;
      await pause();
    }
    return total;
  }

  async function round(): Promise<void> {
    try {
      const nowMs = clock.nowMs();
      const old = await deleteWhile(nowMs - policy.days * dayMs, async () => maxStepTasks);
      const surplus = await deleteWhile(
        nowMs - minKeptMs,
        async () => (await present()) - unfinished() - policy.maxTasks,
      );
      if (old + surplus > 0) log.info("old tasks were deleted", { old, surplus });
      isFailing = false;
    } catch (error) {
      if (!isFailing) log.warn("old tasks could not be deleted; trying again every minute", { error });
      isFailing = true;
    }
    plan();
  }

  function plan(): void {
    if (isStopped) return;
    forgetTimer = clock.after(
      roundIntervalMs,
      () => {
        working = round();
      },
      { unref: true },
    );
  }

  return {
    start: plan,
    stop: async () => {
      isStopped = true;
      forgetTimer();
      await working;
    },
  };
}
