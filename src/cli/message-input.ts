import type { Requirements } from "../protocol/capability.ts";
import { MeshError } from "../protocol/errors.ts";
import {
  type Effects,
  type MessageInput,
  maxContentLength,
  type RetryCause,
  type RetryEdit,
  type RetryInput,
  type TaskInput,
} from "../protocol/message.ts";
import { parseRequirements } from "../protocol/requirement-text.ts";
import type { CliContext } from "./context.ts";
import type { Moment } from "./parsers.ts";
import { timesProblem } from "./task-times.ts";

/** What `send`, `task add` and `route explain` say about a message. */
export interface MessageFlags {
  readonly node?: string;
  readonly group?: string;
  readonly requires?: string;
  readonly session?: string;
  readonly label?: readonly (readonly [key: string, value: string])[];
  readonly source: string;
  readonly noInfer?: boolean;
  readonly untrusted?: boolean;
}

/** How a message is tried. */
export interface RetryFlags {
  readonly maxAttempts?: number;
  /** Seconds. */
  readonly retryDelay?: number;
  readonly retryOn?: readonly RetryCause[];
}

/** How it is run. */
export interface RunFlags extends RetryFlags {
  /** Seconds. */
  readonly timeout?: number;
  readonly effects?: Effects;
  readonly priority?: number;
}

/** When it may be run; for queued messages only. */
export interface TimeFlags {
  readonly notBefore?: Moment;
  readonly expiresAt?: Moment;
}

/** What is changed of a task that is run again. */
export interface EditFlags extends RunFlags, TimeFlags {
  readonly message?: string;
  readonly auto?: boolean;
  readonly node?: string;
  readonly group?: string;
  readonly requires?: string;
}

export function toMessage(flags: MessageFlags & RunFlags, content: string): MessageInput {
  return {
    content,
    source: flags.source,
    ...(flags.session === undefined ? {} : { session: flags.session }),
    ...(flags.requires === undefined ? {} : { requires: parseRequirements(flags.requires) }),
    ...(flags.label === undefined || flags.label.length === 0
      ? {}
      : { labels: Object.fromEntries(flags.label) }),
    ...(flags.noInfer === true ? { infer: false } : {}),
    ...(flags.untrusted === true ? { untrusted: true as const } : {}),
    ...toRunInput(flags),
  };
}

/** @throws MeshError USAGE when both a node and a group are named, or it could never run in its time */
export function toTaskInput(
  context: CliContext,
  flags: MessageFlags & RunFlags & TimeFlags & { readonly key?: string },
  content: string,
): TaskInput {
  const target = targetOf(context, flags);
  return {
    ...toMessage(flags, content),
    ...toTimes(context, flags),
    ...(target === undefined ? {} : { target }),
  };
}

/** @throws MeshError USAGE when flags exclude each other */
export function toRetryEdit(context: CliContext, flags: EditFlags): RetryEdit {
  const { texts } = context;
  const target = targetOf(context, flags);
  if (flags.auto === true && target !== undefined) throw new MeshError("USAGE", texts.send.twoTargets);
  const newTarget = flags.auto === true ? null : target;
  return {
    ...(flags.message === undefined ? {} : { content: flags.message }),
    ...(newTarget === undefined ? {} : { target: newTarget }),
    ...(flags.requires === undefined ? {} : { requires: toRequirements(flags.requires) }),
    ...toRunInput(flags),
    ...toTimes(context, flags),
  };
}

/** An empty text takes all requirements away. */
function toRequirements(text: string): Requirements {
  return text.trim() === "" ? {} : parseRequirements(text);
}

function targetOf(
  { texts }: CliContext,
  { node, group }: { readonly node?: string; readonly group?: string },
): string | undefined {
  if (node !== undefined && group !== undefined) throw new MeshError("USAGE", texts.tasks.nodeOrGroup);
  return node ?? group;
}

function toRunInput(flags: RunFlags): Pick<MessageInput, "timeout_s" | "effects" | "priority" | "retry"> {
  const retry: RetryInput = {
    ...(flags.maxAttempts === undefined ? {} : { max_attempts: flags.maxAttempts }),
    ...(flags.retryDelay === undefined ? {} : { base_delay_s: flags.retryDelay }),
    ...(flags.retryOn === undefined ? {} : { on: [...flags.retryOn] }),
  };
  return {
    ...(flags.timeout === undefined ? {} : { timeout_s: flags.timeout }),
    ...(flags.effects === undefined ? {} : { effects: flags.effects }),
    ...(flags.priority === undefined ? {} : { priority: flags.priority }),
    ...(Object.keys(retry).length === 0 ? {} : { retry }),
  };
}

function toTimes(
  context: CliContext,
  { notBefore, expiresAt, key }: TimeFlags & { readonly key?: string },
): Pick<TaskInput, "not_before" | "expires_at"> {
  const times = {
    ...(notBefore === undefined ? {} : { not_before: notBefore.at }),
    ...(expiresAt === undefined ? {} : { expires_at: expiresAt.at }),
  };
  const names = { notBefore: "--not-before", expiresAt: "--expires-at" };
  const problem = timesProblem(context, { times, names, isOwnKey: key !== undefined });
  if (problem !== null) throw new MeshError("USAGE", problem, { hint: context.texts.tasks.timesHint });
  return times;
}

/** The arguments, or standard input when there are none or the only one is `-`. */
export async function readMessage(context: CliContext, words: readonly string[]): Promise<string> {
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
