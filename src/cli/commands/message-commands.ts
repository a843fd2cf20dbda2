import { buildCommand } from "@stricli/core";
import { Effects } from "../../protocol/message.ts";
import type { MessageFlags, SendFlags } from "../actions/send.ts";
import type { CliContext } from "../context.ts";
import type { HelpText } from "../help-text.ts";
import { parseDuration, parseLabel, parseText } from "../parsers.ts";

export function createSendCommand({ texts, docs }: HelpText) {
  const { send } = texts.commands;
  return buildCommand<SendFlags, string[], CliContext>({
    loader: async () => (await import("../actions/send.ts")).sendMessage,
    docs: docs(send),
    parameters: {
      positional: messageArguments(texts),
      flags: {
        auto: { kind: "boolean", brief: send.flags.auto, optional: true, withNegated: false },
        ...messageFlags(texts),
        timeout: {
          kind: "parsed",
          parse: parseDuration,
          brief: send.flags.timeout,
          optional: true,
          placeholder: "time",
        },
        effects: { kind: "enum", values: Effects.options, brief: send.flags.effects, optional: true },
        explain: { kind: "boolean", brief: send.flags.explain, optional: true, withNegated: false },
      },
    },
  });
}

export function createExplainCommand({ texts, docs }: HelpText) {
  return buildCommand<MessageFlags, string[], CliContext>({
    loader: async () => (await import("../actions/send.ts")).explainRoute,
    docs: docs(texts.commands.routeExplain),
    parameters: { positional: messageArguments(texts), flags: messageFlags(texts) },
  });
}

function messageArguments({ commands }: HelpText["texts"]) {
  return {
    kind: "array",
    parameter: {
      parse: parseText,
      brief: commands.send.arguments.message,
      placeholder: commands.placeholders.message,
    },
  } as const;
}

function messageFlags({ commands }: HelpText["texts"]) {
  const { flags } = commands.send;
  const text = { kind: "parsed", parse: parseText, optional: true } as const;
  return {
    node: { ...text, brief: flags.node, placeholder: "name" },
    group: { ...text, brief: flags.group, placeholder: "name" },
    requires: { ...text, brief: flags.requires, placeholder: "needs" },
    session: { ...text, brief: flags.session, placeholder: "name" },
    label: {
      kind: "parsed",
      parse: parseLabel,
      brief: flags.label,
      optional: true,
      variadic: true,
      placeholder: "key=value",
    },
    source: { kind: "parsed", parse: parseText, brief: flags.source, default: "cli", placeholder: "name" },
    noInfer: { kind: "boolean", brief: flags.noInfer, optional: true, withNegated: false },
  } as const;
}
