import type { Task } from "../../domain/tasks/task.ts";
import { currentAttempt, isTerminal } from "../../domain/tasks/task-machine.ts";
import type { Log } from "../../platform/log.ts";
import type { Decision } from "../../protocol/decision.ts";
import type { RouteAnswer } from "../../protocol/http/contract.ts";
import { toErrorBody } from "../http/answers.ts";
import type { EventSource, ServerSentEvent } from "../http/event-stream.ts";
import type { LiveTask } from "./live-task.ts";
import type { StreamPosition } from "./stream-position.ts";

interface AnswerStreamOptions {
  readonly requestId: string;
  readonly log: Log;
  /** Where the reader was when its last stream broke; null: it begins. */
  readonly from: StreamPosition | null;
  /** Brings the task's decision up to date while it waits. */
  readonly refresh: () => void;
  readonly printPosition: (position: StreamPosition) => string;
  /** The answer of an ended task, the same object for all who ask, or a thrown MeshError. */
  readonly answerOf: (task: Task) => RouteAnswer;
  readonly onGone: () => void;
  /** The task has ended: what is left to read is there already. */
  readonly onEnd: () => void;
}

/**
 * A message's way to its answer as events: `decision` for every attempt and for every new reason to wait, `snapshot` and
 * `chunk` with the text, then one `result` or `error`.
 */
export function createAnswerStream(live: LiveTask, options: AnswerStreamOptions): EventSource {
  const { from } = options;
  const isSameAttempt = from !== null && from.attempt === live.task.attempts.at(-1)?.number;
  const reader = live.preview.read(isSameAttempt ? from : null);
  let toldAttempt = isSameAttempt ? from.attempt : 0;
  let toldWait: string | null = null;
  let seenWait: Decision | null = null;
  let ended: Task | null = null;
  let stopped: unknown = null;
  let isOver = false;
  let onMore: () => void = () => undefined;
  void live.ended.promise.then(
    (task) => {
      ended = task;
      options.onEnd();
      onMore();
    },
    (error: unknown) => {
      stopped = error;
      options.onEnd();
      onMore();
    },
  );

  function takeDecision(): ServerSentEvent[] {
    if (live.task.state === "queued") options.refresh();
    const { task } = live;
    const { decision } = task;
    if (decision === null) return [];
    const attempt = (isTerminal(task.state) ? task.attempts.at(-1) : currentAttempt(task))?.number ?? 0;
    if (attempt === 0 ? isWaitTold(decision) : attempt <= toldAttempt) return [];
    if (attempt === 0) toldWait = waitOf(decision);
    else [toldAttempt, toldWait, seenWait] = [attempt, null, null];
    return [{ event: "decision", data: { message_id: live.id, attempt, decision } }];
  }

  /** Between two attempts the decision is still that of the first: it says nothing about the wait. */
  function isWaitTold(decision: Decision): boolean {
    if (decision === seenWait) return toldWait !== null || toldAttempt > 0;
    seenWait = decision;
    if (decision.outcome === "assigned" && (toldWait !== null || toldAttempt > 0)) return true;
    return waitOf(decision) === toldWait;
  }

  function takeText(): ServerSentEvent[] {
    const part = reader.next();
    if (part === null) return [];
    const attempt = live.task.attempts.at(-1)?.number ?? 0;
    const { offset, text } = part;
    const id = options.printPosition({ attempt, ...reader.place() });
    if (part.kind === "chunk") return [{ event: "chunk", id, data: { attempt, offset, text } }];
    return [{ event: "snapshot", id, data: { attempt, offset, text, truncated: part.isTruncated } }];
  }

  function takeEnd(task: Task): ServerSentEvent[] {
    try {
      const result = { event: "result", data: options.answerOf(task) };
      isOver = true;
      return [...takeDecision(), result];
    } catch (error) {
      return [...takeDecision(), takeError(error)];
    }
  }

  function takeError(error: unknown): ServerSentEvent {
    isOver = true;
    return { event: "error", data: toErrorBody(error, options.requestId, options.log).body };
  }

  return {
    take: () => {
      if (isOver) return [];
      if (ended !== null) return takeEnd(ended);
      if (stopped !== null) return [takeError(stopped)];
      return [...takeDecision(), ...takeText()];
    },
    isOver: () => isOver,
    onMore: (callback) => {
      onMore = callback;
      live.listeners.add(callback);
      return () => live.listeners.delete(callback);
    },
    onGone: options.onGone,
  };
}

/** What a message waits for, to be compared; the time of the decision does not matter. */
function waitOf({ outcome, unblock }: Decision): string {
  return JSON.stringify([outcome, unblock]);
}
