import { MeshError } from "../../protocol/errors.ts";
import { contract } from "../../protocol/http/contract.ts";
import { type Effects, type MessageInput, maxContentLength } from "../../protocol/message.ts";
import { parseRequirements } from "../../protocol/requirement-text.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { followMessage } from "../follow-message.ts";
import { printResult } from "../print.ts";
import { createAnswerView } from "../render/answer-view.ts";
import { renderDecision } from "../render/decision.ts";

/** What `send` and `route explain` say about a message. */
export interface MessageFlags {
  readonly node?: string;
  readonly group?: string;
  readonly requires?: string;
  readonly session?: string;
  readonly label?: readonly (readonly [key: string, value: string])[];
  readonly source: string;
  readonly noInfer?: boolean;
}

export interface SendFlags extends MessageFlags {
  readonly auto?: boolean;
  readonly timeout?: number;
  readonly effects?: Effects;
  readonly explain?: boolean;
}

export async function sendMessage(
  this: CliContext,
  flags: SendFlags,
  ...words: readonly string[]
): Promise<void> {
  const { texts } = this;
  const target = flags.node ?? flags.group ?? null;
  const choices = [flags.auto === true, flags.node !== undefined, flags.group !== undefined].filter(
    (isGiven) => isGiven,
  );
  if (choices.length === 0) throw new MeshError("USAGE", texts.send.noTarget);
  if (choices.length > 1) throw new MeshError("USAGE", texts.send.twoTargets);
  const message = {
    ...toMessage(flags, await readMessage(this, words)),
    ...(flags.timeout === undefined ? {} : { timeout_s: flags.timeout }),
    ...(flags.effects === undefined ? {} : { effects: flags.effects }),
  };
  const { client } = await connect(this);
  const view = createAnswerView(this);
  try {
    const answer = await followMessage({
      client,
      clock: this.clock,
      texts,
      request: { target, message, idempotencyKey: this.createSecret() },
      interrupt: this.interrupt,
      onEvent: view.onEvent,
      onNote: view.onNote,
    });
    const params = { id: answer.message_id };
    view.finish(
      answer,
      flags.explain === true ? await client.call(contract.getTaskDecision, { params }) : null,
    );
  } catch (error) {
    view.abandon();
    throw error;
  }
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

function toMessage(flags: MessageFlags, content: string): MessageInput {
  return {
    content,
    source: flags.source,
    ...(flags.session === undefined ? {} : { session: flags.session }),
    ...(flags.requires === undefined ? {} : { requires: parseRequirements(flags.requires) }),
    ...(flags.label === undefined || flags.label.length === 0
      ? {}
      : { labels: Object.fromEntries(flags.label) }),
    ...(flags.noInfer === true ? { infer: false } : {}),
  };
}

/** The arguments, or standard input when there are none or the only one is `-`. */
async function readMessage(context: CliContext, words: readonly string[]): Promise<string> {
  const { send } = context.texts;
  const isFromInput = words.length === 0 || (words.length === 1 && words[0] === "-");
  if (isFromInput && context.stdin.isTerminal) {
    throw new MeshError("USAGE", send.noMessage, { hint: send.noMessageHint });
  }
  // A character is at most three bytes of UTF-8 per UTF-16 code unit.
  const text = isFromInput ? await context.stdin.readText(maxContentLength * 3) : words.join(" ");
  if (text === null || text.length > maxContentLength) {
    throw new MeshError("BODY_TOO_LARGE", send.messageTooLong(maxContentLength));
  }
  const message = isFromInput ? text.replace(/\r?\n$/, "") : text;
  if (message.trim() === "") throw new MeshError("USAGE", send.noMessage, { hint: send.noMessageHint });
  return message;
}
