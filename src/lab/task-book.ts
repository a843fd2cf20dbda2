import { fromIsoTime } from "../platform/clock.ts";
import type { Failure } from "../protocol/failure.ts";
import type { TaskId } from "../protocol/ids.ts";
import type { AttemptState, TaskInfo, TaskState } from "../protocol/task.ts";
import { answerTo, type PlannedTask } from "./load-plan.ts";

/** What the sender of a message was told at its end. */
export type Told =
  | { readonly kind: "answer"; readonly isRight: boolean }
  | { readonly kind: "error"; readonly code: string };

export interface AttemptRecord {
  readonly node: string;
  readonly state: AttemptState;
  readonly offeredAtMs: number;
  readonly endedAtMs: number | null;
  /** `lost_after_start`, `runtime_error/internal` …; null: it did not fail. */
  readonly failure: string | null;
}

/** What the coordinator has on record of an ended task. */
export interface TaskRecord {
  readonly state: TaskState;
  readonly failure: string | null;
  /** null: it has no answer. */
  readonly isRight: boolean | null;
  readonly attempts: readonly AttemptRecord[];
}

/** What the laboratory knows of one task it has sent. */
export interface TaskEntry {
  /** The id that the coordinator told first; null: none yet. */
  id: TaskId | null;
  /** Other ids that it told for the same key. */
  readonly otherIds: TaskId[];
  told: Told | null;
  /** Code of a refusal that stays; null: none. */
  refused: string | null;
  /** As it was when it was first seen ended. */
  record: TaskRecord | null;
  /** How often it was sent. */
  sent: number;
}

export interface TaskBook {
  readonly entry: (index: number) => TaskEntry;
  readonly find: (index: number) => TaskEntry | null;
  readonly indexes: () => Iterable<number>;
  /** Notes what the coordinator called a task; the first time it counts as accepted. */
  readonly accept: (index: number, id: TaskId) => void;
  readonly acceptedCount: () => number;
  readonly sentCount: () => number;
}

export function createTaskBook(onAccepted: (index: number, id: TaskId, count: number) => void): TaskBook {
  const entries = new Map<number, TaskEntry>();
  let accepted = 0;
  const entry = (index: number): TaskEntry => {
    const known = entries.get(index);
    if (known !== undefined) return known;
    const made: TaskEntry = { id: null, otherIds: [], told: null, refused: null, record: null, sent: 0 };
    entries.set(index, made);
    return made;
  };
  return {
    entry,
    find: (index) => entries.get(index) ?? null,
    indexes: () => entries.keys(),
    accept: (index, id) => {
      const known = entry(index);
      if (known.id === id) return;
      if (known.id !== null) {
        if (!known.otherIds.includes(id)) known.otherIds.push(id);
        return;
      }
      known.id = id;
      accepted += 1;
      onAccepted(index, id, accepted);
    },
    acceptedCount: () => accepted,
    sentCount: () => entries.size,
  };
}

export function failureText(failure: Failure | null): string | null {
  if (failure === null) return null;
  return failure.kind === undefined ? failure.class : `${failure.class}/${failure.kind}`;
}

export function toTaskRecord(info: TaskInfo, planned: PlannedTask): TaskRecord {
  return {
    state: info.state,
    failure: info.state === "failed" ? failureText(info.failure) : null,
    isRight: info.response === null ? null : info.response === answerTo(planned.content),
    attempts: info.attempts.map((attempt) => ({
      node: attempt.node_name,
      state: attempt.state,
      offeredAtMs: fromIsoTime(attempt.offered_at),
      endedAtMs: attempt.ended_at === null ? null : fromIsoTime(attempt.ended_at),
      failure: failureText(attempt.failure),
    })),
  };
}

export function isEnded(state: TaskState): boolean {
  return state !== "queued" && state !== "running";
}
