import type { TaskInput } from "../../protocol/message.ts";
import { TaskState } from "../../protocol/task.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { inOrder } from "../in-order.ts";
import { toTaskInput } from "../message-input.ts";
import { printNote, toJsonText } from "../print.ts";
import { toRepeat } from "../repeat.ts";
import { submitTask } from "../submit-task.ts";
import { readTaskLines, type TaskLine } from "../task-lines.ts";
import { withHint } from "../with-hint.ts";
import type { AddTaskFlags } from "./task-add.ts";

/** Submissions under way at once. */
const maxSubmissions = 8;

interface QueuedLine {
  readonly line: number;
  readonly id: string;
  readonly state: TaskState;
  readonly idempotency_key: string;
}

/** Queues every task of a file of JSON lines and prints their ids, in the order of the lines. */
export async function addTasksOfFile(context: CliContext, flags: AddTaskFlags, file: string): Promise<void> {
  const { clock, texts, interrupt, globals, stdout } = context;
  const repeat = toRepeat(context, flags);
  const lines = await readTaskLines(context, file, {
    defaults: toDefaults(context, flags),
    isOwnKey: repeat.isOwnKey,
  });
  const { client } = await connect(context);
  const queued: QueuedLine[] = [];
  const onNote = (text: string) => printNote(context, text);
  const submit = async ({ line, input }: TaskLine): Promise<QueuedLine> => {
    interrupt.throwIfAborted();
    const key = `${repeat.key}.${line}`;
    const options = { client, clock, texts, input, repeat: { ...repeat, key }, signal: interrupt, onNote };
    const { id, state } = await submitTask(options);
    return { line, id, state, idempotency_key: key };
  };
  try {
    for await (const task of inOrder(lines, maxSubmissions, submit)) {
      queued.push(task);
      if (!globals.json) stdout.write(`${task.id}\n`);
    }
  } catch (error) {
    if (globals.json) stdout.write(toJsonText(queued));
    printNote(context, texts.tasks.bulkStopped(queued.length, lines.length));
    throw withHint(error, texts.tasks.bulkGoOn(repeat), texts);
  }
  if (globals.json) stdout.write(toJsonText(queued));
  printNote(context, repeat.isOwnKey ? onRecordText(context, queued) : texts.tasks.bulkQueued(queued.length));
}

/** Under a key of the user's own they may have been queued before: it is told how they are, not what was done. */
function onRecordText({ texts }: CliContext, queued: readonly QueuedLine[]): string {
  const { bulkOnRecord, states } = texts.tasks;
  const counts = TaskState.options.flatMap((state) => {
    const count = queued.filter((task) => task.state === state).length;
    return count === 0 ? [] : [`${count} ${states[state]}`];
  });
  return bulkOnRecord(queued.length, counts.join(", "));
}

/** What the flags say, for lines that do not say it. */
function toDefaults(context: CliContext, flags: AddTaskFlags): Partial<TaskInput> {
  const { content: _, ...defaults } = toTaskInput(context, flags, "-");
  return defaults;
}
