import { isCounted } from "../../domain/tasks/retry-policy.ts";
import type { Task } from "../../domain/tasks/task.ts";
import type { TaskEvent } from "../../domain/tasks/task-machine.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Deadlines } from "../../platform/deadlines.ts";
import { type LiveTask, setTimer } from "./live-task.ts";
import { createWallDeadlines } from "./wall-deadlines.ts";

/** When the time of a task is over; epoch. null: it has not begun to run, as the task is queued and no node took it yet. */
export function endsAtMs({ message, attempts }: Task): number | null {
  const fromMs = message.isSynchronous
    ? message.createdAtMs
    : (attempts.find(isCounted)?.offeredAtMs ?? null);
  return fromMs === null ? null : fromMs + message.timeoutMs;
}

/** What happens to tasks because of the time. All of it follows from the record, so that a restart loses none. */
export interface TaskTimers {
  /** Its time begins to run, if it is to; without effect when it runs. */
  readonly bound: (one: LiveTask) => void;
  /** Ends it at its `expires_at`, unless a node works on it then. */
  readonly expire: (one: LiveTask) => void;
  /** Calls back when the clock on the wall says so, in place of any other timer of the task. */
  readonly at: (one: LiveTask, epochMs: number, callback: () => void) => void;
  /** Calls back after a time, in place of any other timer of the task. */
  readonly in: (one: LiveTask, delayMs: number, callback: () => void) => void;
  readonly forgetAll: (one: LiveTask) => void;
}

interface TimerOptions {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly report: (one: LiveTask, event: TaskEvent) => Promise<boolean>;
}

export function createTaskTimers({ clock, deadlines, report }: TimerOptions): TaskTimers {
  const wall = createWallDeadlines(clock, deadlines);

  function bound(one: LiveTask): void {
    const atMs = one.isBounded ? null : endsAtMs(one.task);
    if (atMs === null) return;
    one.isBounded = true;
    one.forgetTimeout = deadlines.in(atMs - clock.nowMs(), () => timeOut(one, atMs));
  }

  function timeOut(one: LiveTask, atMs: number): void {
    const endsNow = endsAtMs(one.task);
    if (endsNow !== null && endsNow <= atMs) {
      const isNodeAway = one.isRecovering || (one.node !== null && !one.node.isOnline);
      void report(one, { kind: "timed_out", isNodeAway });
      return;
    }
    // It was refused where its time had begun: it begins anew where a node takes it.
    one.isBounded = false;
    bound(one);
  }

  return {
    bound,
    expire: (one) => {
      const { expiresAtMs } = one.task.message;
      if (expiresAtMs === null) return;
      one.forgetExpiry = wall.at(expiresAtMs, () => void report(one, { kind: "expired" }));
    },
    at: (one, epochMs, callback) => setTimer(one, wall.at(epochMs, callback)),
    in: (one, delayMs, callback) => setTimer(one, deadlines.in(delayMs, callback)),
    forgetAll: (one) => {
      one.forgetTimeout();
      one.forgetExpiry();
      one.forgetTimer();
    },
  };
}
