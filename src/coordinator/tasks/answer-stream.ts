import type { Task } from "../../domain/tasks/task.ts";
import type { Log } from "../../platform/log.ts";
import type { RouteAnswer } from "../../protocol/http/contract.ts";
import { toErrorBody } from "../http/answers.ts";
import type { EventSource, ServerSentEvent } from "../http/event-stream.ts";
import { createDecisionEvents } from "./decision-events.ts";
import type { LiveTask } from "./live-task.ts";
import type { StreamPosition } from "./stream-position.ts";

interface AnswerStreamOptions {
  readonly requestId: string;
  readonly log: Log;
  /** Where the reader was when its last stream broke; null: it begins. */
  readonly from: StreamPosition | null;
  /** The reader has the scope `read`. */
  readonly seesAll: boolean;
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
  const decisions = createDecisionEvents(live, {
    toldAttempt: isSameAttempt ? from.attempt : 0,
    seesAll: options.seesAll,
  });
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

  function takeDecision(): readonly ServerSentEvent[] {
    if (live.task.state === "queued") options.refresh();
    return decisions.take();
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
