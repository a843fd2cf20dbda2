import { contract } from "../../protocol/http/contract.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { followTask } from "../follow-task.ts";
import { createAnswerView } from "../render/answer-view.ts";
import { parseTaskId } from "../task-choice.ts";

/** Follows a task to its end; an interrupt ends the following only. */
export async function watchTask(this: CliContext, _flags: object, text: string): Promise<void> {
  const { clock, texts, interrupt: signal } = this;
  const id = parseTaskId(this, text);
  const { client } = await connect(this);
  const view = createAnswerView(this, { tellsWaiting: true });
  try {
    const task = await client.call(contract.getTask, { params: { id } }, { signal });
    const { onEvent, onNote, onTask } = view;
    onTask(task);
    view.finish(
      await followTask({ client, clock, texts, id, hadContact: true, signal, onEvent, onNote, onTask }),
      null,
    );
  } catch (error) {
    view.abandon();
    if (!signal.aborted || error !== signal.reason) throw error;
    view.onNote(texts.tasks.watchStopped(id));
    this.endWith(1);
  }
}
