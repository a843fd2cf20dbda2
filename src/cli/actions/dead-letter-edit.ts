import { createEditedFile, type EditedFile, editorCommand } from "../../platform/text-editor.ts";
import { MeshError } from "../../protocol/errors.ts";
import { contract } from "../../protocol/http/contract.ts";
import { maxContentLength, type RetryEdit } from "../../protocol/message.ts";
import type { TaskInfo } from "../../protocol/task.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { parseEditorText, toEditorText, withProblem } from "../dead-letter-text.ts";
import { type EditFlags, readMessage, toRetryEdit } from "../message-input.ts";
import { printNote } from "../print.ts";
import { parseTaskId } from "../task-choice.ts";
import { readNamedFile } from "../task-lines.ts";
import { printRetried } from "./task-changes.ts";

export interface EditDeadLetterFlags extends EditFlags {
  readonly file?: string;
}

/** Runs a failed task again as its user changes it: by flags, or in an editor. */
export async function editDeadLetter(
  this: CliContext,
  flags: EditDeadLetterFlags,
  text: string,
): Promise<void> {
  const { texts } = this;
  const id = parseTaskId(this, text);
  const flagEdit = await toFlagEdit(this, flags);
  const command = flagEdit === null ? findEditor(this) : null;
  const { client } = await connect(this);
  const task = await client.call(contract.getTask, { params: { id } });
  checkIsDeadLetter(this, task);
  const edit = flagEdit ?? (await editInEditor(this, task, command ?? ""));
  if (edit === null || Object.keys(edit).length === 0 || isSameAs(task, edit)) {
    this.stderr.write(`${texts.tasks.edit.unchanged}\n`);
    return;
  }
  printRetried(this, id, await client.call(contract.retryTask, { params: { id }, body: edit }));
}

/** null: no flag says what to change. */
async function toFlagEdit(context: CliContext, flags: EditDeadLetterFlags): Promise<RetryEdit | null> {
  const { file, ...edits } = flags;
  if (file !== undefined && edits.message !== undefined) {
    throw new MeshError("USAGE", context.texts.tasks.edit.messageAndFile);
  }
  const edit = toRetryEdit(context, edits);
  if (file === undefined) return Object.keys(edit).length === 0 ? null : edit;
  const text = file === "-" ? await readMessage(context, ["-"]) : await readMessageFile(context, file);
  return { ...edit, content: text };
}

async function readMessageFile(context: CliContext, file: string): Promise<string> {
  const text = (await readNamedFile(context, file)).replace(/\r?\n$/, "");
  const { send, tasks } = context.texts;
  if (text.trim() === "") throw new MeshError("USAGE", tasks.edit.empty);
  if (text.length > maxContentLength)
    throw new MeshError("BODY_TOO_LARGE", send.messageTooLong(maxContentLength));
  return text;
}

function findEditor({ stdin, stdout, env, texts }: CliContext): string {
  const { edit } = texts.tasks;
  const command = editorCommand(env);
  if (!stdin.isTerminal || !stdout.isTerminal) {
    throw new MeshError("USAGE", edit.noTerminal, { hint: edit.flagsHint });
  }
  if (command === null) throw new MeshError("USAGE", edit.noEditor, { hint: edit.flagsHint });
  return command;
}

function checkIsDeadLetter({ texts }: CliContext, task: TaskInfo): void {
  if (task.state === "failed") return;
  throw new MeshError("TASK_NOT_FAILED", texts.tasks.edit.notFailed(task.id, texts.tasks.states[task.state]));
}

/** null: the text was left as it was, or emptied. */
async function editInEditor(context: CliContext, task: TaskInfo, command: string): Promise<RetryEdit | null> {
  const { env, texts, interrupt } = context;
  const file = await createEditedFile(command, { fileName: `${task.id}.yaml`, env });
  let text = toEditorText(task, texts);
  for (;;) {
    const edited = await file.edit(text);
    if (edited.exitCode !== 0)
      throw keepFile(context, file, texts.tasks.edit.editorFailed(command, edited.exitCode));
    if (interrupt.aborted || edited.text === text) {
      await file.remove();
      interrupt.throwIfAborted();
      return null;
    }
    try {
      const edit = parseEditorText(edited.text, task, texts);
      await file.remove();
      return edit;
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      // Shown again with what is wrong; closing the editor without a change gives up.
      text = withProblem(edited.text, error.message, texts);
      printNote(context, texts.tasks.edit.problem(error.message));
    }
  }
}

function keepFile({ texts }: CliContext, file: EditedFile, problem: string): MeshError {
  return new MeshError("USAGE", problem, { hint: texts.tasks.edit.kept(file.path) });
}

/** The flags say what the task has already. */
function isSameAs(task: TaskInfo, edit: RetryEdit): boolean {
  const { retry, not_before, expires_at, ...plain } = edit;
  if (retry !== undefined || not_before !== undefined || expires_at !== undefined) return false;
  const now: Readonly<Record<string, unknown>> = task;
  return Object.entries(plain).every(([name, value]) => Bun.deepEquals(value, now[name]));
}
