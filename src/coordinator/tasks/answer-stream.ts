import type { Task } from "../../domain/tasks/task.ts";
import { currentAttempt, isTerminal } from "../../domain/tasks/task-machine.ts";
import type { Log } from "../../platform/log.ts";
import { toErrorBody } from "../http/answers.ts";
import type { EventSource, ServerSentEvent } from "../http/event-stream.ts";
import type { LiveTask } from "./live-task.ts";
import { toRouteAnswer } from "./task-outcome.ts";

interface AnswerStreamOptions {
  readonly requestId: string;
  readonly log: Log;
  readonly onGone: () => void;
  readonly onEnd: () => void;
}

/**
 * A message's way to its answer as events: `decision` for every attempt, `snapshot` and `chunk` with the text, then one
 * `result` or `error`.
 */
export function createAnswerStream(live: LiveTask, options: AnswerStreamOptions): EventSource {
  const reader = live.preview.read();
  let toldAttempt = 0;
  let isWaitingTold = false;
  let ended: Task | null = null;
  let stopped: unknown = null;
  let isOver = false;
  let onMore: () => void = () => undefined;
  void live.ended.promise.then(
    (task) => {
      ended = task;
      onMore();
    },
    (error: unknown) => {
      stopped = error;
      onMore();
    },
  );

  function takeDecision(): ServerSentEvent[] {
    const { task } = live;
    if (task.decision === null) return [];
    const attempt = (isTerminal(task.state) ? task.attempts.at(-1) : currentAttempt(task))?.number ?? 0;
    const isNew = attempt > toldAttempt || (attempt === 0 && toldAttempt === 0 && !isWaitingTold);
    if (!isNew) return [];
    isWaitingTold = true;
    toldAttempt = Math.max(toldAttempt, attempt);
    return [{ event: "decision", data: { message_id: live.id, attempt, decision: task.decision } }];
  }

  function takeText(): ServerSentEvent[] {
    const part = reader.next();
    if (part === null) return [];
    const attempt = live.task.attempts.at(-1)?.number ?? 0;
    if (part.kind === "chunk")
      return [{ event: "chunk", data: { attempt, offset: part.offset, text: part.text } }];
    const { offset, text, isTruncated } = part;
    return [{ event: "snapshot", data: { attempt, offset, text, truncated: isTruncated } }];
  }

  function takeEnd(task: Task): ServerSentEvent[] {
    try {
      const result = { event: "result", data: toRouteAnswer(task) };
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
    onEnd: options.onEnd,
  };
}
