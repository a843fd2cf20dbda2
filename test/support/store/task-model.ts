import type { Attempt, Task, TaskChange } from "../../../src/domain/tasks/task.ts";
import type { TaskId } from "../../../src/protocol/ids.ts";
import { contentPreviewLength, type TaskState } from "../../../src/protocol/task.ts";
import type { TaskOutline, TaskQuery } from "../../../src/store/tasks.ts";

const open: readonly TaskState[] = ["queued", "running"];

export const anyTask: TaskQuery = {
  subject: null,
  states: null,
  nodeIds: null,
  target: null,
  source: null,
  session: null,
  labels: {},
  failureClasses: null,
  failureKinds: null,
  sinceMs: null,
  untilMs: null,
  isDeadLetter: null,
};

/** Texts of these tests hold no character of two code units at the border of the preview. */
export function toOutline({ message, ...task }: Task): TaskOutline {
  return {
    subject: message.subject,
    id: message.id,
    state: task.state,
    contentPreview: message.content.slice(0, contentPreviewLength),
    source: message.source,
    session: message.session,
    labels: message.labels,
    target: message.target,
    effects: message.effects,
    priority: message.priority,
    isSynchronous: message.isSynchronous,
    isUntrusted: message.isUntrusted,
    createdAtMs: message.createdAtMs,
    notBeforeMs: message.notBeforeMs,
    expiresAtMs: message.expiresAtMs,
    endedAtMs: task.endedAtMs,
    cancelRequestedAtMs: task.cancelRequestedAtMs,
    nodeId: task.nodeId,
    nodeName: task.attempts.at(-1)?.nodeName ?? null,
    attemptCount: task.attempts.length,
    failure: task.failure,
    retryOf: message.retryOf,
    retriedAs: task.retriedAs,
    discardedAtMs: task.discardedAtMs,
  };
}

function isDeadLetter(task: Task): boolean {
  return task.state === "failed" && task.retriedAs === null && task.discardedAtMs === null;
}

export function matchQuery(query: TaskQuery, task: Task): boolean {
  const { message } = task;
  const { source } = query;
  const isAmong = <T>(values: readonly T[] | null, value: T | null | undefined) =>
    values === null || (value !== null && value !== undefined && values.includes(value));
  const isPlaced =
    (query.nodeIds === null && query.target === null) ||
    (query.nodeIds !== null && isAmong(query.nodeIds, task.nodeId)) ||
    (query.target !== null && message.target === query.target);
  const isFailed =
    (query.failureClasses === null && query.failureKinds === null) ||
    (query.failureClasses !== null && isAmong(query.failureClasses, task.failure?.class)) ||
    (query.failureKinds !== null && isAmong(query.failureKinds, task.failure?.kind));
  return (
    (query.subject === null || message.subject === query.subject) &&
    isAmong(query.states, task.state) &&
    isPlaced &&
    (source === null ||
      (source.isPrefix ? message.source.startsWith(source.text) : message.source === source.text)) &&
    (query.session === null || message.session === query.session) &&
    Object.entries(query.labels).every(([key, value]) => message.labels[key] === value) &&
    isFailed &&
    (query.sinceMs === null || message.createdAtMs >= query.sinceMs) &&
    (query.untilMs === null || message.createdAtMs < query.untilMs) &&
    (query.isDeadLetter === null || isDeadLetter(task) === query.isDeadLetter)
  );
}

function putAttempts(current: readonly Attempt[], changed: readonly Attempt[]): readonly Attempt[] {
  const byNumber = new Map([...current, ...changed].map((attempt) => [attempt.number, attempt]));
  return [...byNumber.values()].sort((left, right) => left.number - right.number);
}

/** The tasks of a store as plain values: what a real one must look like from outside. */
export function createTaskModel() {
  const tasks = new Map<TaskId, Task>();
  const sorted = () =>
    [...tasks.values()].sort((left, right) => (left.message.id < right.message.id ? -1 : 1));
  const findByKey = (subject: string, key: string | null) =>
    [...tasks.values()].find(
      ({ message }) => key !== null && message.subject === subject && message.idempotencyKey === key,
    ) ?? null;

  function accept(task: Task): Task | null {
    const same = findByKey(task.message.subject, task.message.idempotencyKey);
    if (same === null) tasks.set(task.message.id, task);
    return same;
  }

  return {
    tasks,
    findByKey,
    accept,
    acceptRetry: (task: Task): "not_found" | "not_ended" | "already_retried" | null => {
      const { id, retryOf } = task.message;
      const old = retryOf === null ? undefined : tasks.get(retryOf);
      if (old === undefined) return "not_found";
      if (open.includes(old.state)) return "not_ended";
      if (old.retriedAs !== null) return "already_retried";
      tasks.set(id, task);
      tasks.set(old.message.id, { ...old, retriedAs: id });
      return null;
    },
    change: (id: TaskId, attempt: number, change: TaskChange): boolean => {
      const task = tasks.get(id);
      if (task === undefined || !open.includes(task.state)) return false;
      if ((task.attempts.at(-1)?.number ?? 0) !== attempt) return false;
      tasks.set(id, { ...task, ...change, attempts: putAttempts(task.attempts, change.attempts ?? []) });
      return true;
    },
    recordLate: (id: TaskId, attempt: Attempt): void => {
      const task = tasks.get(id);
      if (task !== undefined) tasks.set(id, { ...task, attempts: putAttempts(task.attempts, [attempt]) });
    },
    discard: (id: TaskId, nowMs: number): boolean => {
      const task = tasks.get(id);
      if (task === undefined || task.state !== "failed") return false;
      if (isDeadLetter(task)) tasks.set(id, { ...task, discardedAtMs: nowMs });
      return true;
    },
    /** All that match, oldest first. */
    list: (query: TaskQuery): readonly TaskOutline[] =>
      sorted()
        .filter((task) => matchQuery(query, task))
        .map(toOutline),
    unfinished: (): readonly Task[] => sorted().filter((task) => open.includes(task.state)),
    /** Deletes all that is old enough, at once. */
    deleteFinished: (endedBeforeMs: number): void => {
      for (const { message, state, endedAtMs } of sorted()) {
        const endMs = endedAtMs ?? message.createdAtMs;
        if (!open.includes(state) && endMs < endedBeforeMs) tasks.delete(message.id);
      }
    },
  };
}

export type TaskModel = ReturnType<typeof createTaskModel>;
