import { MeshError } from "../../protocol/errors.ts";
import type { TaskInfo } from "../../protocol/task.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import {
  type MessageFlags,
  type RunFlags,
  readMessage,
  type TimeFlags,
  toTaskInput,
} from "../message-input.ts";
import { printNote, printResult } from "../print.ts";
import { toSafeLine } from "../render/safe-text.ts";
import { type Repeat, toRepeat } from "../repeat.ts";
import { submitTask } from "../submit-task.ts";
import { addTasksOfFile } from "./task-add-file.ts";

export interface AddTaskFlags extends MessageFlags, RunFlags, TimeFlags {
  readonly key?: string;
  readonly file?: string;
}

export async function addTask(
  this: CliContext,
  flags: AddTaskFlags,
  ...words: readonly string[]
): Promise<void> {
  if (flags.file !== undefined) {
    if (words.length > 0) throw new MeshError("USAGE", this.texts.tasks.fileAndMessage);
    return addTasksOfFile(this, flags, flags.file);
  }
  const repeat = toRepeat(this, flags);
  const input = toTaskInput(this, flags, await readMessage(this, words));
  const { client } = await connect(this);
  const { clock, texts, interrupt } = this;
  const onNote = (text: string) => printNote(this, text);
  const task = await submitTask({ client, clock, texts, input, repeat, signal: interrupt, onNote });
  printQueued(this, task, repeat);
}

/** `Task task_… queued`, or how the task under a key of the user's own is, which may have been there before; what it waits for, and how to go on. */
export function printQueued(context: CliContext, task: TaskInfo, { key, isOwnKey }: Repeat): void {
  const { tasks } = context.texts;
  printResult(context, { ...task, idempotency_key: key }, () =>
    [
      isOpen(task) && !isOwnKey ? tasks.queued(task.id) : tasks.added(task.id, tasks.states[task.state]),
      ...(task.waiting_for === null ? [] : [tasks.waitsFor(toSafeLine(task.waiting_for))]),
    ].join("\n"),
  );
  printNote(context, tasks.followHint(task.id));
}

/** A task that runs already was queued, too; an ended one is the same as before under its key. */
function isOpen({ state }: TaskInfo): boolean {
  return state === "queued" || state === "running";
}
