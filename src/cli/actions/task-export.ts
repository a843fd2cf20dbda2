import { errorCodeOf } from "../../platform/atomic-file.ts";
import { expandPath } from "../../platform/paths.ts";
import { createTextFileWriter } from "../../platform/text-file-writer.ts";
import { MeshError } from "../../protocol/errors.ts";
import { contract } from "../../protocol/http/contract.ts";
import type { TaskFilter } from "../../protocol/task.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { inOrder } from "../in-order.ts";
import { printNote, toJsonLine } from "../print.ts";
import { type ChoiceFlags, toTaskFilter } from "../task-choice.ts";

export interface ExportFlags extends ChoiceFlags {
  readonly output?: string;
}

/** Tasks fetched at once; an answer may have 8 MiB. */
const maxFetches = 8;
/** Tasks on a page; the next one is asked for when these are written. */
const pageSize = 100;

type Write = (text: string) => Promise<void>;

export async function exportTasks(this: CliContext, flags: ExportFlags): Promise<void> {
  const filter = toTaskFilter(flags);
  if (flags.output === undefined || flags.output === "-") {
    await writeTasks(this, filter, this.stdout.writeAndWait);
    return;
  }
  const count = await writeToFile(this, filter, flags.output);
  printNote(this, this.texts.tasks.exported(count, flags.output));
}

async function writeToFile(context: CliContext, filter: TaskFilter, output: string): Promise<number> {
  const { tasks } = context.texts;
  try {
    const file = await createTextFileWriter(expandPath(output, context));
    try {
      const count = await writeTasks(context, filter, file.write);
      await file.commit();
      return count;
    } finally {
      await file.abandon();
    }
  } catch (error) {
    const code = errorCodeOf(error);
    if (error instanceof MeshError || code === null) throw error;
    throw new MeshError("DATA_DIR_UNUSABLE", tasks.cannotWrite(output, code), {
      hint: tasks.fileHint,
      cause: error,
    });
  }
}

/** Each task as one line of JSON, newest first. @returns how many */
async function writeTasks(context: CliContext, filter: TaskFilter, write: Write): Promise<number> {
  const { interrupt: signal } = context;
  const { client } = await connect(context);
  let count = 0;
  const fetched = inOrder(client.tasks(filter, { signal, pageSize }), maxFetches, ({ id }) =>
    client.call(contract.getTask, { params: { id } }, { signal }),
  );
  for await (const task of fetched) {
    await write(toJsonLine(task));
    count += 1;
  }
  return count;
}
