import { MeshError } from "../../protocol/errors.ts";
import { contract } from "../../protocol/http/contract.ts";
import { maxTaskPage, type TaskFilter, type TaskSummary } from "../../protocol/task.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { printNote, printResult } from "../print.ts";
import { renderTask } from "../render/task-detail.ts";
import { renderTasks } from "../render/tasks.ts";
import { type ChoiceFlags, parseTaskId, toTaskFilter } from "../task-choice.ts";

export interface ListTaskFlags extends ChoiceFlags, ExtentFlags {}

export interface ListDeadLetterFlags extends Omit<ChoiceFlags, "state">, ExtentFlags {}

interface ExtentFlags {
  readonly limit?: number;
  readonly all?: boolean;
}

const defaultLimit = 50;

export function listTasks(this: CliContext, flags: ListTaskFlags): Promise<void> {
  return list(this, flags, { filter: toTaskFilter(flags), none: this.texts.tasks.none });
}

export function listDeadLetters(this: CliContext, flags: ListDeadLetterFlags): Promise<void> {
  const filter: TaskFilter = { ...toTaskFilter(flags), dead_letter: "true" };
  return list(this, flags, { filter, none: this.texts.tasks.noDeadLetters });
}

async function list(
  context: CliContext,
  flags: ExtentFlags,
  { filter, none }: { readonly filter: TaskFilter; readonly none: string },
): Promise<void> {
  const { texts, clock, stdout } = context;
  const limit = flags.all === true ? Number.POSITIVE_INFINITY : (flags.limit ?? defaultLimit);
  if (limit < 1)
    throw new MeshError("USAGE", texts.errors.badValue("limit", String(limit), texts.errors.notACount));
  const { client } = await connect(context);
  const tasks: TaskSummary[] = [];
  const pageSize = Math.min(limit + 1, maxTaskPage);
  for await (const task of client.tasks(filter, { signal: context.interrupt, pageSize })) {
    tasks.push(task);
    if (tasks.length > limit) break;
  }
  const shown = tasks.slice(0, limit);
  printResult(context, shown, () =>
    shown.length === 0 ? none : renderTasks(shown, { texts, output: stdout, nowMs: clock.nowMs() }),
  );
  if (tasks.length > shown.length) printNote(context, texts.tasks.more(shown.length));
}

export async function showTask(this: CliContext, _flags: object, text: string): Promise<void> {
  const id = parseTaskId(this, text);
  const { client } = await connect(this);
  const task = await client.call(contract.getTask, { params: { id } });
  printResult(this, task, () => renderTask(task, this.texts, this.stdout));
}
