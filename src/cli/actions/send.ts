import type { MeshClient } from "../../client/index.ts";
import type { Decision } from "../../protocol/decision.ts";
import { MeshError } from "../../protocol/errors.ts";
import { contract, type RouteAnswer } from "../../protocol/http/contract.ts";
import { createCancelling } from "../cancelling.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { followMessage } from "../follow-message.ts";
import { followTask } from "../follow-task.ts";
import {
  type MessageFlags,
  type RunFlags,
  readMessage,
  type TimeFlags,
  toMessage,
  toTaskInput,
} from "../message-input.ts";
import { printResult } from "../print.ts";
import { type AnswerView, createAnswerView } from "../render/answer-view.ts";
import { renderDecision } from "../render/decision.ts";
import { type Repeat, toRepeat } from "../repeat.ts";
import { submitTask } from "../submit-task.ts";
import { printQueued } from "./task-add.ts";

export interface SendFlags extends MessageFlags, RunFlags, TimeFlags {
  readonly auto?: boolean;
  readonly explain?: boolean;
  readonly async?: boolean;
  readonly wait?: boolean;
  readonly key?: string;
}

export async function sendMessage(
  this: CliContext,
  flags: SendFlags,
  ...words: readonly string[]
): Promise<void> {
  checkFlags(this, flags);
  const repeat = toRepeat(this, flags);
  const content = await readMessage(this, words);
  const { client } = await connect(this);
  const sent = { flags, content, repeat };
  if (flags.async === true) return queueMessage(this, client, sent);
  const view = createAnswerView(this, { tellsWaiting: flags.wait === true });
  try {
    const answer = await (flags.wait === true ? waitForAnswer : routeMessage)(
      { context: this, client, view },
      sent,
    );
    view.finish(answer, flags.explain === true ? await loadDecision(client, answer) : null);
  } catch (error) {
    view.abandon();
    throw error;
  }
}

function checkFlags({ texts }: CliContext, flags: SendFlags): void {
  const targets = [flags.auto === true, flags.node !== undefined, flags.group !== undefined];
  const targetCount = targets.filter((isGiven) => isGiven).length;
  if (targetCount === 0) throw new MeshError("USAGE", texts.send.noTarget);
  if (targetCount > 1) throw new MeshError("USAGE", texts.send.twoTargets);
  if (flags.async === true && flags.wait === true) throw new MeshError("USAGE", texts.tasks.asyncAndWait);
  if (flags.async === true && flags.explain === true) throw new MeshError("USAGE", texts.tasks.asyncExplain);
  const isQueued = flags.async === true || flags.wait === true;
  const isLate = flags.notBefore !== undefined || flags.expiresAt !== undefined;
  if (isLate && !isQueued) throw new MeshError("USAGE", texts.tasks.lateFlags);
}

interface Sent {
  readonly flags: SendFlags;
  readonly content: string;
  readonly repeat: Repeat;
}

interface Sending {
  readonly context: CliContext;
  readonly client: MeshClient;
  readonly view: AnswerView;
}

function routeMessage(
  { context, client, view }: Sending,
  { flags, content, repeat }: Sent,
): Promise<RouteAnswer> {
  return followMessage({
    client,
    clock: context.clock,
    texts: context.texts,
    request: {
      target: flags.node ?? flags.group ?? null,
      message: toMessage(flags, content),
    },
    repeat,
    interrupt: context.interrupt,
    onEvent: view.onEvent,
    onNote: view.onNote,
  });
}

async function queueMessage(
  context: CliContext,
  client: MeshClient,
  { flags, content, repeat }: Sent,
): Promise<void> {
  const input = toTaskInput(context, flags, content);
  const { clock, texts, interrupt } = context;
  const onNote = () => {};
  const task = await submitTask({ client, clock, texts, input, repeat, signal: interrupt, onNote });
  printQueued(context, task, repeat);
}

/** Queues the message and stays with it; Ctrl-C cancels it. */
async function waitForAnswer(
  { context, client, view }: Sending,
  { flags, content, repeat }: Sent,
): Promise<RouteAnswer> {
  const { clock, texts, interrupt } = context;
  const { onEvent, onNote, onTask } = view;
  const stop = new AbortController();
  const cancelling = createCancelling({ client, clock, texts, stop, onNote });
  const onInterrupt = () => cancelling.begin();
  if (interrupt.aborted) onInterrupt();
  else interrupt.addEventListener("abort", onInterrupt, { once: true });
  try {
    const input = toTaskInput(context, flags, content);
    const { signal } = stop;
    const task = await submitTask({ client, clock, texts, input, repeat, signal, onNote });
    cancelling.named(task.id);
    onTask(task);
    const shown = { onEvent, onNote, onTask };
    return await followTask({ client, clock, texts, id: task.id, hadContact: true, signal, ...shown });
  } finally {
    cancelling.end();
    interrupt.removeEventListener("abort", onInterrupt);
  }
}

function loadDecision(client: MeshClient, answer: RouteAnswer): Promise<Decision> {
  return client.call(contract.getTaskDecision, { params: { id: answer.message_id } });
}

export async function explainRoute(
  this: CliContext,
  flags: MessageFlags,
  ...words: readonly string[]
): Promise<void> {
  if (flags.node !== undefined && flags.group !== undefined) {
    throw new MeshError("USAGE", this.texts.send.twoTargets);
  }
  const target = flags.node ?? flags.group;
  const message = toMessage(flags, await readMessage(this, words));
  const { client } = await connect(this);
  const decision = await client.call(contract.explainRoute, {
    body: target === undefined ? message : { ...message, target },
  });
  printResult(this, decision, () => renderDecision(decision, this.texts, this.stdout));
}
