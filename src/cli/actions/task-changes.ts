import type { MeshClient } from "../../client/index.ts";
import { MeshError } from "../../protocol/errors.ts";
import { type BulkAnswer, contract } from "../../protocol/http/contract.ts";
import type { TaskId } from "../../protocol/ids.ts";
import type { RetryEdit } from "../../protocol/message.ts";
import { maxBulkTasks, type TaskFilter, type TaskInfo } from "../../protocol/task.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { inOrder } from "../in-order.ts";
import { type EditFlags, toRetryEdit } from "../message-input.ts";
import { printResult } from "../print.ts";
import { type BulkKind, cancelOutcome, renderBulk } from "../render/bulk.ts";
import { type ChoiceFlags, chooseTasks, toTaskFilter } from "../task-choice.ts";

export interface CancelFlags extends ChoiceFlags {
  readonly yes?: boolean;
}

export interface DiscardFlags extends Omit<ChoiceFlags, "state"> {
  readonly all?: boolean;
  readonly yes?: boolean;
}

/** `--node` and `--group` say where to run it; `--failed-on` chooses by the node. */
interface RetryFlags extends EditFlags, Omit<ChoiceFlags, "state" | "node" | "group"> {
  readonly failedOn?: string;
  readonly yes?: boolean;
}

export interface RetryTaskFlags extends RetryFlags {
  readonly state?: string;
}

export interface RetryDeadLetterFlags extends RetryFlags {
  readonly all?: boolean;
}

/** Single calls under way at once. */
const maxCalls = 8;

export async function cancelTasks(
  this: CliContext,
  flags: CancelFlags,
  ...ids: readonly string[]
): Promise<void> {
  const given = toTaskFilter(flags);
  const { client } = await connect(this);
  const chosen = await chooseTasks(this, client, {
    ids,
    filter: isEmpty(given) ? undefined : { state: "queued,running", ...given },
    isMeant: ({ state, cancel_requested }) =>
      (state === "queued" || state === "running") && !cancel_requested,
    isSure: flags.yes === true,
    question: this.texts.tasks.ask.cancel,
    flagNames: "--state, --source, …",
  });
  if (chosen === null) return;
  const [only] = chosen;
  if (ids.length > 0 && chosen.length === 1 && only !== undefined) return cancelOne(this, client, only);
  await finish(this, "cancel", await inBulk(client, contract.cancelTasks, chosen));
}

/** All that a token has sent and that has not ended, unasked. @param subject id of the token */
export async function cancelTasksOf(
  client: MeshClient,
  subject: string,
  signal: AbortSignal,
): Promise<BulkAnswer> {
  const ids: TaskId[] = [];
  for await (const task of client.tasks({ subject, state: "queued,running" }, { signal })) ids.push(task.id);
  return inBulk(client, contract.cancelTasks, ids.reverse());
}

async function cancelOne(context: CliContext, client: MeshClient, id: TaskId): Promise<void> {
  const task = await client.call(contract.cancelTask, { params: { id } });
  const { tasks } = context.texts;
  printResult(context, task, () => {
    if (task.state === "cancelled") return tasks.cancelled(id);
    if (task.state === "queued" || task.state === "running") return tasks.cancelRequested(id);
    return tasks.endedAlready(id, tasks.states[task.state]);
  });
  if (!["queued", "running", "cancelled"].includes(task.state)) context.endWith(1);
}

export function retryTasks(
  this: CliContext,
  flags: RetryTaskFlags,
  ...ids: readonly string[]
): Promise<void> {
  const filter = toRetryFilter(flags);
  return retry(this, flags, {
    ids,
    // What succeeded is run again only when that is said.
    filter: isEmpty(filter) ? undefined : { state: "failed,cancelled,expired", ...filter },
  });
}

export function retryDeadLetters(
  this: CliContext,
  flags: RetryDeadLetterFlags,
  ...ids: readonly string[]
): Promise<void> {
  return retry(this, flags, { ids, filter: deadLetterFilter(this, toRetryFilter(flags), flags.all) });
}

export async function discardDeadLetters(
  this: CliContext,
  flags: DiscardFlags,
  ...ids: readonly string[]
): Promise<void> {
  const filter = deadLetterFilter(this, toTaskFilter(flags), flags.all);
  const { client } = await connect(this);
  const chosen = await chooseTasks(this, client, {
    ids,
    filter,
    isSure: flags.yes === true,
    question: this.texts.tasks.ask.discard,
    flagNames: "--all, --class, …",
  });
  if (chosen === null) return;
  const [only] = chosen;
  if (ids.length > 0 && chosen.length === 1 && only !== undefined) {
    const task = await client.call(contract.discardTask, { params: { id: only } });
    printResult(this, task, () => this.texts.tasks.discardedLine(only));
    return;
  }
  await finish(this, "discard", await inBulk(client, contract.discardTasks, chosen));
}

interface RetryChoice {
  readonly ids: readonly string[];
  readonly filter: TaskFilter | undefined;
}

async function retry(context: CliContext, flags: RetryFlags, choice: RetryChoice): Promise<void> {
  const edit = toRetryEdit(context, flags);
  const { client } = await connect(context);
  const chosen = await chooseTasks(context, client, {
    ...choice,
    isMeant: ({ state, retried_as }) => retried_as === null && state !== "queued" && state !== "running",
    isSure: flags.yes === true,
    question: context.texts.tasks.ask.retry,
    flagNames: "--all, --state, --class, …",
  });
  if (chosen === null) return;
  const [only] = chosen;
  if (choice.ids.length > 0 && chosen.length === 1 && only !== undefined) {
    printRetried(context, only, await client.call(contract.retryTask, { params: { id: only }, body: edit }));
    return;
  }
  const answer = isEmpty(edit)
    ? await inBulk(client, contract.retryTasks, chosen)
    : await retryEach(client, chosen, edit);
  await finish(context, "retry", answer);
}

export function printRetried(context: CliContext, id: TaskId, task: TaskInfo): void {
  printResult(context, task, () => context.texts.tasks.retriedAs(id, task.id));
}

/** The bulk call takes no edits: one call for each. */
async function retryEach(client: MeshClient, ids: readonly TaskId[], edit: RetryEdit): Promise<BulkAnswer> {
  const answer = { matched: ids.length, done: [], failed: [] } as {
    matched: number;
    done: BulkAnswer["done"];
    failed: BulkAnswer["failed"];
  };
  const retryOne = async (id: TaskId) => {
    try {
      return { id, task: await client.call(contract.retryTask, { params: { id }, body: edit }) };
    } catch (error) {
      if (error instanceof MeshError) return { id, error };
      throw error;
    }
  };
  for await (const { id, task, error } of inOrder(ids, maxCalls, retryOne)) {
    if (task !== undefined) answer.done.push({ id, retried_as: task.id });
    else answer.failed.push({ id, code: error.code, error: error.message });
  }
  return answer;
}

type BulkRoute = typeof contract.cancelTasks | typeof contract.retryTasks | typeof contract.discardTasks;

/** As many calls as the ids need. */
async function inBulk(client: MeshClient, route: BulkRoute, ids: readonly TaskId[]): Promise<BulkAnswer> {
  const answers: BulkAnswer[] = [];
  for (let at = 0; at < ids.length; at += maxBulkTasks) {
    answers.push(await client.call(route, { body: { ids: ids.slice(at, at + maxBulkTasks) } }));
  }
  return {
    matched: answers.reduce((sum, { matched }) => sum + matched, 0),
    done: answers.flatMap(({ done }) => done),
    failed: answers.flatMap(({ failed }) => failed),
  };
}

async function finish(context: CliContext, kind: BulkKind, answer: BulkAnswer): Promise<void> {
  printResult(context, answer, () => renderBulk(kind, answer, context.texts));
  const isUnchanged = kind === "cancel" && answer.done.some((one) => cancelOutcome(one) === "ended");
  if (answer.failed.length > 0 || isUnchanged) context.endWith(1);
}

function toRetryFilter({ failedOn, node: _, group: __, ...flags }: RetryTaskFlags): TaskFilter {
  return toTaskFilter({ ...flags, ...(failedOn === undefined ? {} : { node: failedOn }) });
}

/** @returns undefined when neither --all nor any other flag chooses */
function deadLetterFilter(
  { texts }: CliContext,
  given: TaskFilter,
  isAll: boolean | undefined,
): TaskFilter | undefined {
  if (isAll === true && !isEmpty(given)) throw new MeshError("USAGE", texts.tasks.allAndFilter);
  return isAll === true || !isEmpty(given) ? { ...given, dead_letter: "true" } : undefined;
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}
