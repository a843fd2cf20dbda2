import type { MeshClient, RouteEvent } from "../client/index.ts";
import type { Catalogue } from "../locale/index.ts";
import { type Clock, delay } from "../platform/clock.ts";
import { MeshError } from "../protocol/errors.ts";
import type { RouteAnswer } from "../protocol/http/contract.ts";
import type { TaskId } from "../protocol/ids.ts";
import type { TaskInfo } from "../protocol/task.ts";
import { mayPassAgain } from "./connection-loss.ts";
import { watchQuietStream } from "./quiet-stream.ts";
import { withFurtherHint } from "./with-hint.ts";

/** How long a coordinator may be away before a task is left to itself. */
const maxAwayMs = 10 * 60_000;
const firstDelayMs = 250;
const maxDelayMs = 2000;

interface FollowTaskOptions {
  readonly client: MeshClient;
  readonly clock: Clock;
  readonly texts: Catalogue;
  readonly id: TaskId;
  /** The coordinator has answered already, so that it is worth waiting for. */
  readonly hadContact: boolean;
  /** Ends the following, and nothing else. */
  readonly signal: AbortSignal;
  readonly onEvent: (event: RouteEvent) => void;
  readonly onNote: (text: string) => void;
  /** How the task is, while its stream says nothing. */
  readonly onTask: (task: TaskInfo) => void;
}

/**
 * Stays with a queued task until it ends, however long that takes: goes on where it was after the connection was lost,
 * also when the coordinator was started again.
 * @throws MeshError why there is no answer
 */
export async function followTask(options: FollowTaskOptions): Promise<RouteAnswer> {
  const { client, clock, id, signal, texts } = options;
  let { hadContact } = options;
  let lastEventId: string | null = null;
  let lostAtMs: number | null = null;
  for (let tries = 0; ; tries += 1) {
    const connection = new AbortController();
    const either = AbortSignal.any([signal, connection.signal]);
    const quiet = watchQuietStream({ client, clock, id, connection, onTask: options.onTask });
    try {
      for await (const { id: eventId, ...event } of client.streamTask({ id, lastEventId, signal: either })) {
        quiet.heard();
        hadContact = true;
        lastEventId = eventId ?? lastEventId;
        if (lostAtMs !== null) options.onNote(texts.tasks.pickedUp);
        lostAtMs = null;
        tries = 0;
        options.onEvent(event);
        if (event.event === "result") return event.data;
      }
      throw new MeshError("COORDINATOR_UNREACHABLE", `${client.baseUrl} ended the stream without a result`);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!hadContact || !mayPassAgain(error)) throw error;
      if (lostAtMs === null) options.onNote(texts.tasks.pickingUp);
      lostAtMs ??= clock.monotonicMs();
      if (clock.monotonicMs() - lostAtMs >= maxAwayMs)
        throw withFurtherHint(error, texts.tasks.gaveUpHint(id), texts);
      quiet.end();
      await delay(clock, Math.min(firstDelayMs * 2 ** tries, maxDelayMs), signal);
    } finally {
      quiet.end();
    }
  }
}
