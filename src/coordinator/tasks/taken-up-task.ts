import { countedAttempts, retryDelayMs } from "../../domain/tasks/retry-policy.ts";
import type { Task } from "../../domain/tasks/task.ts";
import { currentAttempt, type TaskEvent } from "../../domain/tasks/task-machine.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Random } from "../../platform/random.ts";
import { createLiveTask, type LiveTask } from "./live-task.ts";
import type { Offering } from "./offering.ts";
import type { Placement } from "./placement.ts";
import type { TaskTimers } from "./task-timers.ts";

/** How long a task of a former process may stay unreported: its nodes have to find the way back first. */
export const recoveryGraceMs = 30_000;

interface TakeUpOptions {
  readonly placement: Placement;
  readonly timers: TaskTimers;
  readonly clock: Clock;
  readonly random: Random;
  readonly live: Map<LiveTask["id"], LiveTask>;
  readonly offering: Offering;
  readonly report: (one: LiveTask, event: TaskEvent) => Promise<boolean>;
}

/**
 * Takes up tasks that a former process left unfinished. The client of a synchronous message is gone with that process, so
 * it goes on only when it carries an idempotency key, with which the client can come back.
 */
export function createTakeUp(options: TakeUpOptions): (task: Task) => void {
  const { timers, clock, random, offering, report } = options;

  return (task) => {
    const one = toLiveTask(task, options);
    const { message } = task;
    const isWanted =
      !message.isSynchronous || message.idempotencyKey !== null || task.cancelRequestedAtMs !== null;
    const attempt = currentAttempt(task);
    options.live.set(one.id, one);
    timers.bound(one);
    timers.expire(one);
    if (!isWanted) void report(one, { kind: "cancel_requested" });
    if (attempt !== null) {
      const event = { kind: "grace_ended", attempt: attempt.number } as const;
      timers.in(one, recoveryGraceMs, () => void report(one, event));
    } else if (isWanted) {
      const pauseMs = retryPauseMs(task, clock.nowMs(), random.next());
      if (pauseMs > 0) {
        options.placement.pause(one);
        timers.in(one, pauseMs, () => offering.join(one));
      } else offering.route(one);
    }
  };
}

/** On its node, if it has one. */
function toLiveTask(task: Task, { placement, clock }: TakeUpOptions): LiveTask {
  const nowMs = clock.monotonicMs();
  const one = createLiveTask(task, nowMs);
  one.patientUntilMs = nowMs + recoveryGraceMs;
  one.attemptsOnRestart = task.attempts.length;
  const attempt = currentAttempt(task);
  if (attempt === null) {
    const last = task.attempts.at(-1);
    if (last?.state === "finished") one.avoid = last.nodeId;
    return one;
  }
  placement.adopt(one, attempt.nodeId);
  // The former process may have written it.
  one.writtenAttempt = attempt.number;
  return one;
}

/** What is left of the pause after a failed attempt: never more than all of it, also when the clock was set back. */
function retryPauseMs(task: Task, nowMs: number, random: number): number {
  const last = task.attempts.at(-1);
  if (last?.state !== "finished") return 0;
  const pauseMs = retryDelayMs(task.message.retry, countedAttempts(task), random);
  return Math.min(pauseMs, (last.endedAtMs ?? 0) + pauseMs - nowMs);
}
