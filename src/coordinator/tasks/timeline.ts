import type { Attempt, Task } from "../../domain/tasks/task.ts";
import { isTerminal } from "../../domain/tasks/task-machine.ts";
import { toIsoTime } from "../../platform/clock.ts";
import type { TimelineEntry } from "../../protocol/task.ts";

interface Moment {
  readonly atMs: number;
  readonly what: TimelineEntry["what"];
  readonly attempt?: Attempt;
  readonly detail?: string | undefined;
}

/** What happened to a task, oldest first, out of its record alone. */
export function toTimeline(task: Task): TimelineEntry[] {
  return [...momentsOf(task)]
    .sort((left, right) => left.atMs - right.atMs)
    .map(({ atMs, what, attempt, detail }) => ({
      at: toIsoTime(atMs),
      what,
      ...(attempt === undefined ? {} : { attempt: attempt.number, node_name: attempt.nodeName }),
      ...(detail === undefined ? {} : { detail }),
    }));
}

function* momentsOf(task: Task): Iterable<Moment> {
  yield { atMs: task.message.createdAtMs, what: "accepted" };
  for (const attempt of task.attempts) yield* attemptMoments(attempt);
  if (task.cancelRequestedAtMs !== null) yield { atMs: task.cancelRequestedAtMs, what: "cancel_requested" };
  const { state, endedAtMs } = task;
  if (endedAtMs !== null && isTerminal(state) && state !== "queued" && state !== "running") {
    yield { atMs: endedAtMs, what: state, detail: task.failure?.message };
  }
  if (task.discardedAtMs !== null) yield { atMs: task.discardedAtMs, what: "discarded" };
}

function* attemptMoments(attempt: Attempt): Iterable<Moment> {
  yield { atMs: attempt.offeredAtMs, what: "offered", attempt };
  if (attempt.startedAtMs !== null) yield { atMs: attempt.startedAtMs, what: "started", attempt };
  if (attempt.endedAtMs === null) return;
  const what = endOf(attempt);
  if (what !== null) yield { atMs: attempt.endedAtMs, what, attempt, detail: attempt.failure?.message };
}

/** null: the attempt's end is the task's own. */
function endOf({ state, failure, isLateResult }: Attempt): TimelineEntry["what"] | null {
  if (isLateResult) return "late_result";
  if (state === "refused") return "refused";
  if (state === "lost") return "lost";
  return failure === null ? null : "attempt_failed";
}
