import type { MeshClient } from "../client/index.ts";
import type { CancelTimer, Clock } from "../platform/clock.ts";
import { MeshError } from "../protocol/errors.ts";
import { contract } from "../protocol/http/contract.ts";
import type { TaskId } from "../protocol/ids.ts";
import type { TaskInfo } from "../protocol/task.ts";
import { mayPass } from "./connection-loss.ts";

/** How long a stream may say nothing before the task itself is looked at. */
export const quietMs = 15_000;

interface QuietStreamOptions {
  readonly client: MeshClient;
  readonly clock: Clock;
  readonly id: TaskId;
  /** Aborted as a lost connection when the stream turns out to lead nowhere. */
  readonly connection: AbortController;
  /** What a look at the task found. */
  readonly onTask: (task: TaskInfo) => void;
}

/** Watches over a stream. */
export interface QuietStream {
  /** The stream said something. */
  readonly heard: () => void;
  readonly end: () => void;
}

/**
 * A task may wait for days, and a connection that a sleeping machine or a router forgot looks the same. So a quiet stream
 * is checked against the task: it is given up when the task has ended or the coordinator is out of reach.
 */
export function watchQuietStream(options: QuietStreamOptions): QuietStream {
  const { client, clock, id, connection } = options;
  let cancelTimer: CancelTimer = () => {};
  let isOver = false;
  const arm = () => {
    cancelTimer();
    if (!isOver && !connection.signal.aborted) cancelTimer = clock.after(quietMs, () => void look());
  };
  const look = async () => {
    try {
      const { signal } = connection;
      const task = await client.call(contract.getTask, { params: { id } }, { signal });
      if (isOver) return;
      options.onTask(task);
      const isOpen = task.state === "queued" || task.state === "running";
      if (!isOpen) {
        connection.abort(
          new MeshError("COORDINATOR_UNREACHABLE", `the stream of ${id} did not tell its end`),
        );
      }
    } catch (error) {
      // Whatever else is wrong the stream itself will tell.
      if (!isOver && mayPass(error)) connection.abort(error);
    }
    arm();
  };
  arm();
  return {
    heard: arm,
    end: () => {
      isOver = true;
      cancelTimer();
    },
  };
}
