import type { MeshClient } from "../../client/index.ts";
import { expandPath } from "../../platform/paths.ts";
import { createTextFileWriter } from "../../platform/text-file-writer.ts";
import { MeshError } from "../../protocol/errors.ts";
import { contract } from "../../protocol/http/contract.ts";
import type { TaskId } from "../../protocol/ids.ts";
import type { TaskFilter, TaskInfo } from "../../protocol/task.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { toFileProblem } from "../file-problem.ts";
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

interface Exported {
  readonly count: number;
  /** Tasks that were listed and could not be found any more. */
  readonly missingCount: number;
}

type Write = (text: string) => Promise<void>;

export async function exportTasks(this: CliContext, flags: ExportFlags): Promise<void> {
  const filter = toTaskFilter(flags);
  if (flags.output === undefined || flags.output === "-") {
    tellMissing(this, await writeTasks(this, filter, this.stdout.writeAndWait));
    return;
  }
  const exported = await writeToFile(this, filter, flags.output);
  printNote(this, this.texts.tasks.exported(exported.count, flags.output));
  tellMissing(this, exported);
}

async function writeToFile(context: CliContext, filter: TaskFilter, output: string): Promise<Exported> {
  const { tasks } = context.texts;
  try {
    const file = await createTextFileWriter(expandPath(output, context));
    try {
      const exported = await writeTasks(context, filter, file.write);
      await file.commit();
      return exported;
    } finally {
      await file.abandon();
    }
  } catch (error) {
    throw toFileProblem(error, { message: (code) => tasks.cannotWrite(output, code), hint: tasks.fileHint });
  }
}

/** Each task as one line of JSON, newest first. */
async function writeTasks(context: CliContext, filter: TaskFilter, write: Write): Promise<Exported> {
  const { interrupt: signal } = context;
  const { client } = await connect(context);
  let count = 0;
  let missingCount = 0;
  const fetched = inOrder(client.tasks(filter, { signal, pageSize }), maxFetches, ({ id }) =>
    fetchTask(client, id, signal),
  );
  for await (const task of fetched) {
    if (task === null) {
      missingCount += 1;
      continue;
    }
    await write(toJsonLine(task));
    count += 1;
  }
  return { count, missingCount };
}

/** null: its time was over and it was deleted since it was listed. */
async function fetchTask(client: MeshClient, id: TaskId, signal: AbortSignal): Promise<TaskInfo | null> {
  try {
    return await client.call(contract.getTask, { params: { id } }, { signal });
  } catch (error) {
    if (error instanceof MeshError && error.code === "TASK_NOT_FOUND") return null;
    throw error;
  }
}

function tellMissing(context: CliContext, { missingCount }: Exported): void {
  if (missingCount > 0) printNote(context, context.texts.tasks.exportMissing(missingCount));
}
