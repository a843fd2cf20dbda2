import { buildCommand } from "@stricli/core";
import type { SendFlags } from "../actions/send.ts";
import type { CliContext } from "../context.ts";
import type { HelpText } from "../help-text.ts";
import type { MessageFlags } from "../message-input.ts";
import { isGivenFlag, keyFlag, messageArguments, messageFlags, runFlags } from "./message-flags.ts";

export function createSendCommand({ texts, docs }: HelpText) {
  const { send } = texts.commands;
  return buildCommand<SendFlags, string[], CliContext>({
    loader: async () => (await import("../actions/send.ts")).sendMessage,
    docs: docs(send),
    parameters: {
      positional: messageArguments(texts),
      flags: {
        auto: isGivenFlag(send.flags.auto),
        ...messageFlags(texts),
        explain: isGivenFlag(send.flags.explain),
        async: isGivenFlag(send.flags.async),
        wait: isGivenFlag(send.flags.wait),
        ...runFlags(send.flags),
        key: keyFlag(texts),
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
