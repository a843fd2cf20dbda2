import { Effects } from "../../protocol/message.ts";
import type { HelpText } from "../help-text.ts";
import type { RunFlags, TimeFlags } from "../message-input.ts";
import {
  parseCount,
  parseDuration,
  parseLabel,
  parseMomentAgo,
  parseMomentAhead,
  parsePriority,
  parseRetryCauses,
  parseText,
} from "../parsers.ts";

const text = { kind: "parsed", parse: parseText, optional: true } as const;
const moment = { kind: "parsed", parse: parseMomentAhead, optional: true, placeholder: "time" } as const;
const pastMoment = { kind: "parsed", parse: parseMomentAgo, optional: true, placeholder: "time" } as const;
const label = {
  kind: "parsed",
  parse: parseLabel,
  optional: true,
  variadic: true,
  placeholder: "key=value",
} as const;
const duration = { kind: "parsed", parse: parseDuration, optional: true, placeholder: "time" } as const;
const count = { kind: "parsed", parse: parseCount, optional: true, placeholder: "n" } as const;
const isGiven = { kind: "boolean", optional: true, withNegated: false } as const;

export type Texts = HelpText["texts"];

export function isGivenFlag(brief: string) {
  return { ...isGiven, brief } as const;
}

export function countFlag(brief: string) {
  return { ...count, brief } as const;
}

export function fileFlag(brief: string) {
  return { ...text, brief, placeholder: "file" } as const;
}

export function messageArguments({ commands }: Texts) {
  return {
    kind: "array",
    parameter: {
      parse: parseText,
      brief: commands.send.arguments.message,
      placeholder: commands.placeholders.message,
    },
  } as const;
}

export function messageFlags({ commands }: Texts) {
  const { flags } = commands.send;
  return {
    node: { ...text, brief: flags.node, placeholder: "name" },
    group: { ...text, brief: flags.group, placeholder: "name" },
    requires: { ...text, brief: flags.requires, placeholder: "needs" },
    session: { ...text, brief: flags.session, placeholder: "name" },
    label: { ...label, brief: flags.label },
    source: { kind: "parsed", parse: parseText, brief: flags.source, default: "cli", placeholder: "name" },
    noInfer: isGivenFlag(flags.noInfer),
    untrusted: isGivenFlag(flags.untrusted),
  } as const;
}

type RunFlagBriefs = Readonly<Record<keyof RunFlags | keyof TimeFlags, string>>;

/** How a message is run, and when. */
export function runFlags(flags: RunFlagBriefs) {
  return {
    timeout: { ...duration, brief: flags.timeout },
    effects: { kind: "enum", values: Effects.options, brief: flags.effects, optional: true },
    priority: {
      kind: "parsed",
      parse: parsePriority,
      brief: flags.priority,
      optional: true,
      placeholder: "n",
    },
    notBefore: { ...moment, brief: flags.notBefore },
    expiresAt: { ...moment, brief: flags.expiresAt },
    maxAttempts: { ...count, brief: flags.maxAttempts },
    retryDelay: { ...duration, brief: flags.retryDelay },
    retryOn: {
      kind: "parsed",
      parse: parseRetryCauses,
      brief: flags.retryOn,
      optional: true,
      placeholder: "causes",
    },
  } as const;
}

export function keyFlag({ commands }: Texts) {
  return { ...text, brief: commands.send.flags.key, placeholder: "key" } as const;
}

/** What is changed of a task that is run again. */
export function editFlags(texts: Texts) {
  const { flags } = texts.commands.deadLetterEdit;
  return {
    message: { ...text, brief: flags.message, placeholder: "message" },
    auto: isGivenFlag(flags.auto),
    node: { ...text, brief: flags.node, placeholder: "name" },
    group: { ...text, brief: flags.group, placeholder: "name" },
    requires: { ...text, brief: flags.requires, placeholder: "needs" },
    ...runFlags(flags),
  } as const;
}

/** Which tasks, without the flags that name a node: some commands use those for something else. */
export function choiceFlags({ commands }: Texts) {
  const { flags } = commands.taskList;
  return {
    source: { ...text, brief: flags.source, placeholder: "name" },
    subject: { ...text, brief: flags.subject, placeholder: "token" },
    session: { ...text, brief: flags.session, placeholder: "name" },
    label: { ...label, brief: flags.label },
    class: { ...text, brief: flags.class, placeholder: "classes" },
    since: { ...pastMoment, brief: flags.since },
    until: { ...pastMoment, brief: flags.until },
  } as const;
}

export function stateFlag({ commands }: Texts) {
  return { ...text, brief: commands.taskList.flags.state, placeholder: "states" } as const;
}

export function placeFlags({ commands }: Texts) {
  const { flags } = commands.taskList;
  return {
    node: { ...text, brief: flags.node, placeholder: "name" },
    group: { ...text, brief: flags.group, placeholder: "name" },
  } as const;
}

/** `--failed-on`: the node as a choice, where `--node` says where to run it. */
export function failedOnFlag({ commands }: Texts) {
  return { ...text, brief: commands.taskRetry.flags.failedOn, placeholder: "name" } as const;
}
