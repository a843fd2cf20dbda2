import type { Attempt, TaskChange } from "../../../domain/tasks/task.ts";
import type { Database } from "../../../platform/sqlite.ts";
import type { TaskId } from "../../../protocol/ids.ts";
import type { TaskFence } from "../../tasks.ts";
import { toDecisionColumn } from "../decision-column.ts";
import { toJsonColumn } from "../row.ts";

export interface ChangeTask {
  /** @returns false when the fence did not hold; then nothing changed */
  readonly change: (id: TaskId, fence: TaskFence, change: TaskChange) => boolean;
  /** Adds or replaces one attempt, whatever the state of the task. Without effect when there is no such task. */
  readonly putAttempt: (id: TaskId, attempt: Attempt) => void;
}

/** The most frequent transition: the first attempt has brought the answer. */
function prepareSucceedFirst(database: Database) {
  // A task whose newest attempt is the first has no other, so its list is written as a whole.
  const update = database.prepare(`
    update tasks set state = ?, ended_at_ms = ?, attempts = ?, response = ?
    where id = ? and attempt = 1 and state in ('queued', 'running')`);

  /** @returns null when it is another transition */
  return (id: TaskId, fence: TaskFence, change: TaskChange): boolean | null => {
    const { state, endedAtMs, response, attempts, ...others } = change;
    const [attempt] = attempts ?? [];
    const isOther =
      fence.attempt !== 1 || attempt?.number !== 1 || attempts?.length !== 1 || state !== "succeeded";
    if (isOther || endedAtMs === undefined || response === undefined) return null;
    for (const _ in others) return null;
    return update.run(state, endedAtMs, `[${JSON.stringify(attempt)}]`, response, id).changes > 0;
  };
}

/**
 * One statement for every other transition: nothing ever changes back to null, so null means that a column stays. Its fence
 * is part of it.
 */
export function prepareChangeTask(database: Database): ChangeTask {
  const update = database.prepare(`
    update tasks set
      state = coalesce(?1, state),
      attempt = max(attempt, ?2),
      cancel_requested_at_ms = coalesce(?3, cancel_requested_at_ms),
      ended_at_ms = coalesce(?4, ended_at_ms),
      node_id = coalesce(?5, node_id),
      failure = coalesce(?6, failure),
      attempts = iif(?7 is null, attempts, json_set(attempts, ?7, json(?8))),
      decision = coalesce(?9, decision),
      response = coalesce(?10, response)
    where id = ?11 and attempt = ?12 and state in ('queued', 'running')`);
  const succeedFirst = prepareSucceedFirst(database);
  const updateAttempt = database.prepare(`
    update tasks set attempts = json_set(attempts, ?, json(?)) where id = ?`);

  function putAttempt(id: TaskId, attempt: Attempt): void {
    updateAttempt.run(pathOf(attempt), JSON.stringify(attempt), id);
  }

  return {
    putAttempt,
    change: (id, fence, change) => {
      const hasSucceeded = succeedFirst(id, fence, change);
      if (hasSucceeded !== null) return hasSucceeded;
      const [first, ...others] = change.attempts ?? [];
      const { changes } = update.run(
        change.state ?? null,
        newestAttempt(change),
        change.cancelRequestedAtMs ?? null,
        change.endedAtMs ?? null,
        change.nodeId ?? null,
        toJsonColumn(change.failure ?? null),
        first === undefined ? null : pathOf(first),
        first === undefined ? null : JSON.stringify(first),
        toDecisionColumn(change.decision ?? null),
        change.response ?? null,
        id,
        fence.attempt,
      );
      if (changes === 0) return false;
      for (const attempt of others) putAttempt(id, attempt);
      return true;
    },
  };
}

/** Attempts are numbered from 1 without gaps, so the number says the place. */
function pathOf(attempt: Attempt): string {
  return `$[${attempt.number - 1}]`;
}

function newestAttempt({ attempts }: TaskChange): number {
  let newest = 0;
  for (const { number } of attempts ?? []) newest = Math.max(newest, number);
  return newest;
}
