import type { MeshClient } from "../client/index.ts";
import { type Clock, delay } from "../platform/clock.ts";
import { MeshError } from "../protocol/errors.ts";
import { contract } from "../protocol/http/contract.ts";
import type { TaskId } from "../protocol/ids.ts";
import { type LoadPlan, planTask } from "./load-plan.ts";
import { isEnded, type TaskBook, toTaskRecord } from "./task-book.ts";
import type { Window } from "./window.ts";

/** Follows every queued task to its end, and notes what is on record of it then. */
export interface Collector {
  readonly follow: (index: number, id: TaskId) => void;
  /** The runtime has answered it: its end is near. */
  readonly expectEnd: (index: number) => void;
  readonly openCount: () => number;
  readonly endedCount: () => number;
  /** Works until it is stopped. */
  readonly run: () => Promise<void>;
  readonly stop: () => void;
}

interface CollectorOptions {
  readonly client: MeshClient;
  readonly load: LoadPlan;
  readonly book: TaskBook;
  readonly window: Window;
  readonly clock: Clock;
}

const tickMs = 10;
const maxCalls = 16;
/** From the runtime's answer to the task's end. */
const answerWayMs = 20;
/** Without an answer of the runtime; looks are not free, and thousands of tasks may wait. */
const quietLookMs = 4000;
/** After a look that came too early; it doubles up to the above. */
const soonLookMs = 60;

interface Open {
  readonly id: TaskId;
  dueMs: number;
  waitMs: number;
  isAsked: boolean;
}

export function createCollector({ client, load, book, window, clock }: CollectorOptions): Collector {
  const open = new Map<number, Open>();
  const stopping = new AbortController();
  let calls = 0;
  let ended = 0;

  async function look(index: number, task: Open): Promise<void> {
    calls += 1;
    task.isAsked = true;
    try {
      const info = await client.call(contract.getTask, { params: { id: task.id } });
      if (isEnded(info.state)) {
        book.entry(index).record = toTaskRecord(info, planTask(load, index));
        close(index);
      }
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      // An accepted task that is not there is for the ledger to tell.
      if (error.code === "TASK_NOT_FOUND") close(index);
    } finally {
      calls -= 1;
      task.isAsked = false;
      task.waitMs = Math.min(quietLookMs, task.waitMs * 2);
      task.dueMs = clock.monotonicMs() + task.waitMs;
    }
  }

  function close(index: number): void {
    if (!open.delete(index)) return;
    ended += 1;
    window.leave();
  }

  return {
    follow: (index, id) =>
      void open.set(index, {
        id,
        dueMs: clock.monotonicMs() + quietLookMs,
        waitMs: quietLookMs,
        isAsked: false,
      }),
    expectEnd: (index) => {
      const task = open.get(index);
      if (task === undefined) return;
      task.waitMs = soonLookMs;
      task.dueMs = Math.min(task.dueMs, clock.monotonicMs() + answerWayMs);
    },
    openCount: () => open.size,
    endedCount: () => ended,
    run: async () => {
      const looks = new Set<Promise<void>>();
      while (!stopping.signal.aborted) {
        const nowMs = clock.monotonicMs();
        for (const [index, task] of open) {
          if (calls >= maxCalls) break;
          if (task.isAsked || task.dueMs > nowMs) continue;
          const one = look(index, task);
          looks.add(one);
          void one.then(() => looks.delete(one));
        }
        await delay(clock, tickMs, stopping.signal);
      }
      await Promise.all(looks);
    },
    stop: () => stopping.abort(),
  };
}
