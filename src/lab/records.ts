import type { MeshClient } from "../client/index.ts";
import { type Clock, delay } from "../platform/clock.ts";
import { MeshError } from "../protocol/errors.ts";
import { contract } from "../protocol/http/contract.ts";
import type { TaskId } from "../protocol/ids.ts";
import { maxTaskPage, type TaskPage } from "../protocol/task.ts";
import type { ListedTask } from "./ledger.ts";
import { indexOfContent, type LoadPlan, planTask, sourcePrefix } from "./load-plan.ts";
import { failureText, isEnded, type TaskBook, toTaskRecord } from "./task-book.ts";

interface RecordsOptions {
  readonly client: MeshClient;
  readonly load: LoadPlan;
  readonly book: TaskBook;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const maxTries = 50;
const pauseMs = 200;
const maxCalls = 16;

/**
 * What the coordinator has on record at the end: its whole list, by the number of the task; and in the book the records of
 * those that nobody has followed to their end.
 */
export async function loadRecords(
  options: RecordsOptions,
): Promise<ReadonlyMap<number, readonly ListedTask[]>> {
  const listed = await loadList(options);
  const { client, load, book } = options;
  const missing: { readonly index: number; readonly id: TaskId }[] = [];
  for (const [index, tasks] of listed) {
    const ended = tasks.find(({ state }) => isEnded(state));
    if (ended !== undefined && book.entry(index).record === null) missing.push({ index, id: ended.id });
  }
  const work = async (): Promise<void> => {
    for (let one = missing.pop(); one !== undefined; one = missing.pop()) {
      const params = { id: one.id };
      const info = await insist(options, () => client.call(contract.getTask, { params }));
      if (isEnded(info.state)) book.entry(one.index).record = toTaskRecord(info, planTask(load, one.index));
    }
  };
  await Promise.all(Array.from({ length: maxCalls }, work));
  return listed;
}

async function loadList(options: RecordsOptions): Promise<ReadonlyMap<number, readonly ListedTask[]>> {
  const listed = new Map<number, ListedTask[]>();
  let cursor: string | null = null;
  do {
    const query: { source: string; limit: number; cursor?: string } = {
      source: `${sourcePrefix}*`,
      limit: maxTaskPage,
      ...(cursor === null ? {} : { cursor }),
    };
    const page: TaskPage = await insist(options, () => options.client.call(contract.listTasks, { query }));
    for (const task of page.tasks) {
      const index = indexOfContent(task.content_preview, options.load.seed);
      if (index === null) continue;
      const line = {
        id: task.id,
        state: task.state,
        failure: task.state === "failed" ? failureText(task.failure) : null,
        attempts: task.attempt_count,
      };
      const known = listed.get(index);
      if (known === undefined) listed.set(index, [line]);
      else known.push(line);
    }
    cursor = page.next_cursor;
  } while (cursor !== null);
  return listed;
}

/** Calls again while the coordinator is not reached or has a fault; the last error stays. */
async function insist<T>({ clock, signal }: RecordsOptions, call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof MeshError) || tries >= maxTries) throw error;
    }
    if ((await delay(clock, pauseMs, signal)) === "aborted") signal.throwIfAborted();
  }
}
