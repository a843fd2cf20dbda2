import { createEditedFile, editorCommand } from "../../platform/text-editor.ts";
import { MeshError } from "../../protocol/errors.ts";
import { contract } from "../../protocol/http/contract.ts";
import { maxContentLength, type RetryEdit } from "../../protocol/message.ts";
import type { TaskInfo } from "../../protocol/task.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { editedTaskId, parseEditorText, toEditorText, withProblem } from "../dead-letter-text.ts";
import { type EditFlags, readMessage, toRetryEdit } from "../message-input.ts";
import { printNote } from "../print.ts";
import { parseTaskId } from "../task-choice.ts";
import { readNamedFile } from "../task-lines.ts";
import { withFurtherHint } from "../with-hint.ts";
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
  const id = parseTaskId(this, text);
  const flagEdit = await readFlags(this, flags);
  const command = flagEdit === null ? findEditor(this) : null;
  const { client } = await connect(this);
  const task = await client.call(contract.getTask, { params: { id } });
  checkIsDeadLetter(this, task);
  const retry = async (edit: RetryEdit | null) => {
    if (edit === null || isSameAs(task, edit)) {
      this.stderr.write(`${this.texts.tasks.edit.unchanged}\n`);
      return;
    }
    printRetried(this, id, await client.call(contract.retryTask, { params: { id }, body: edit }));
  };
  if (flagEdit === null) await editInEditor(this, { task, command: command ?? "", retry });
  else await retry(toFlagEdit(this, flagEdit, task));
}

/** What the flags say, and the text of `--file`. */
interface FlagEdit {
  readonly edit: RetryEdit;
  readonly fileText: string | null;
}

/** null: no flag says what to change. */
async function readFlags(context: CliContext, flags: EditDeadLetterFlags): Promise<FlagEdit | null> {
  const { file, ...edits } = flags;
  if (file !== undefined && edits.message !== undefined) {
    throw new MeshError("USAGE", context.texts.tasks.edit.messageAndFile);
  }
  const edit = toRetryEdit(context, edits);
  if (file === undefined) return Object.keys(edit).length === 0 ? null : { edit, fileText: null };
  const fileText = file === "-" ? await readMessage(context, ["-"]) : await readMessageFile(context, file);
  return { edit, fileText };
}

/** `--file` names a message, or an edited text that was kept when it could not be used. */
function toFlagEdit({ texts }: CliContext, { edit, fileText }: FlagEdit, task: TaskInfo): RetryEdit {
  if (fileText === null) return edit;
  const editedId = editedTaskId(fileText);
  if (editedId === null) return { ...edit, content: fileText };
  if (editedId !== task.id) throw new MeshError("USAGE", texts.tasks.edit.otherTask(editedId));
  return { ...parseEditorText(fileText, task, texts), ...edit };
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

interface Editing {
  readonly task: TaskInfo;
  readonly command: string;
  /** Runs the task again; null: nothing is to be changed. */
  readonly retry: (edit: RetryEdit | null) => Promise<void>;
}

/** What was written is kept until the task runs again: whatever fails before says where it is. */
async function editInEditor(context: CliContext, { task, command, retry }: Editing): Promise<void> {
  const { env, texts, interrupt } = context;
  const { edit: words } = texts.tasks;
  const file = await createEditedFile(command, { fileName: `${task.id}.yaml`, env });
  let text = toEditorText(task, texts);
  let isWorthKeeping = false;
  try {
    for (;;) {
      const edited = await file.edit(text);
      isWorthKeeping ||= edited.text !== text || edited.exitCode !== 0;
      if (edited.exitCode !== 0) throw new MeshError("USAGE", words.editorFailed(command, edited.exitCode));
      interrupt.throwIfAborted();
      const edit = edited.text === text ? null : readEdit(context, edited.text, task);
      if (typeof edit !== "string") {
        await retry(edit);
        break;
      }
      // Shown again with what is wrong; closing the editor without a change gives up.
      text = withProblem(edited.text, edit, texts);
    }
  } catch (error) {
    if (isWorthKeeping) throw withFurtherHint(error, words.kept(file.path, task.id), texts);
    await file.remove();
    throw error;
  }
  await file.remove();
}

/** @returns what is wrong with the text when it cannot be read, which was told then */
function readEdit(context: CliContext, text: string, task: TaskInfo): RetryEdit | null | string {
  try {
    return parseEditorText(text, task, context.texts);
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    printNote(context, context.texts.tasks.edit.problem(error.message));
    return error.message;
  }
}

/** The edit says what the task has already, or nothing. */
function isSameAs(task: TaskInfo, edit: RetryEdit): boolean {
  const { retry, not_before, expires_at, ...plain } = edit;
  if (retry !== undefined || not_before !== undefined || expires_at !== undefined) return false;
  const now: Readonly<Record<string, unknown>> = task;
  return Object.entries(plain).every(([name, value]) => Bun.deepEquals(value, now[name]));
}
