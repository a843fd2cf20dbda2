import type { Task } from "../../domain/tasks/task.ts";
import type { Log } from "../../platform/log.ts";
import type { RouteAnswer } from "../../protocol/http/contract.ts";
import { adminPrincipal, type Principal, revocationOf } from "../auth/principal.ts";
import { toErrorBody } from "../http/answers.ts";
import type { Call } from "../http/call.ts";
import type { EventStreams } from "../http/event-stream.ts";
import { createAnswerStream } from "./answer-stream.ts";
import type { LiveTask } from "./live-task.ts";
import type { StreamPositions } from "./stream-position.ts";
import { seesAll } from "./task-access.ts";
import type { TaskEngine } from "./task-engine.ts";
import { toRouteAnswer } from "./task-outcome.ts";

/** What a stream needs of the request that asks for it. */
type StreamCall = Pick<Call<never>, "address" | "headers" | "principal" | "requestId" | "takeTime">;

/** A stream that has its place, but perhaps no task yet. */
export interface TaskStreamPlace {
  /** @param onGone the reader went away before the end */
  readonly follow: (live: LiveTask, onGone: () => void) => Response;
  /** Gives it up unused. */
  readonly release: () => void;
}

/** Streams of the tasks of this coordinator, for those who sent them and those who look on. */
export interface TaskStreams {
  /** Throws QUEUE_FULL or TOO_MANY_REQUESTS when too many are open. */
  readonly open: (call: StreamCall) => TaskStreamPlace;
}

interface TaskStreamOptions {
  readonly engine: Pick<TaskEngine, "find">;
  readonly streams: EventStreams;
  readonly positions: StreamPositions;
  readonly log: Log;
}

export function createTaskStreams({ engine, streams, positions, log }: TaskStreamOptions): TaskStreams {
  /** Answers are long; all readers of one share it. */
  const answers = new WeakMap<Task, RouteAnswer>();

  function answerOf(task: Task, reader: Principal): RouteAnswer {
    const answer = answers.get(task) ?? toRouteAnswer(task, seesAll(reader));
    answers.set(task, answer);
    return answer;
  }

  return {
    open: (call) => {
      const place = streams.take(call.address(), shareOf(call.principal));
      return {
        release: place.release,
        follow: (live, onGone) => {
          const endTime = call.takeTime();
          const { principal, requestId } = call;
          const source = createAnswerStream(live, {
            requestId,
            log,
            seesAll: seesAll(principal),
            from: positions.parse(call.headers.get("last-event-id")),
            refresh: () => void engine.find(live.id),
            printPosition: positions.print,
            answerOf: (task) => answerOf(task, principal),
            onGone,
            // From now on a reader that takes nothing is not waited for.
            onEnd: endTime,
          });
          const farewell = () => {
            endTime();
            return { event: "error", data: toErrorBody(revocationOf(principal), requestId, log).body };
          };
          return place.answer(source, { principal, farewell }, { "x-claw-mesh-task": live.id });
        },
      };
    },
  };
}

/** Whose share of the streams it takes; null: the owner's, which has no share. */
function shareOf({ subject }: Principal): string | null {
  return subject === adminPrincipal.subject ? null : subject;
}
