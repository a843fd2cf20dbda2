import { buildCommand, buildRouteMap } from "@stricli/core";
import type { RevokeTokenFlags } from "../actions/token-revoke.ts";
import type { CreateTokenFlags } from "../actions/tokens.ts";
import type { CliContext } from "../context.ts";
import type { HelpText } from "../help-text.ts";
import { parseCount, parseDuration, parseScopes, parseText, parseWords } from "../parsers.ts";

export function createTokenCommands(help: HelpText) {
  const { docs, texts } = help;
  const { token, tokenList, tokenRevoke, tokenRotate } = texts.commands;
  return buildRouteMap<string, CliContext>({
    docs: docs(token),
    routes: {
      create: createCreateCommand(help),
      list: buildCommand<object, [], CliContext>({
        loader: async () => (await import("../actions/tokens.ts")).listTokens,
        docs: docs(tokenList),
        parameters: {},
      }),
      revoke: buildCommand<RevokeTokenFlags, [string], CliContext>({
        loader: async () => (await import("../actions/token-revoke.ts")).revokeToken,
        docs: docs(tokenRevoke),
        parameters: {
          positional: oneArgument(tokenRevoke.arguments.token, texts.commands.placeholders.token),
          flags: {
            cancelTasks: {
              kind: "boolean",
              brief: tokenRevoke.flags.cancelTasks,
              optional: true,
              withNegated: false,
            },
          },
        },
      }),
      rotate: buildCommand<object, [string], CliContext>({
        loader: async () => (await import("../actions/tokens.ts")).rotateToken,
        docs: docs(tokenRotate),
        parameters: {
          positional: oneArgument(tokenRotate.arguments.token, texts.commands.placeholders.token),
        },
      }),
    },
  });
}

function createCreateCommand({ docs, texts }: HelpText) {
  const { tokenCreate, placeholders } = texts.commands;
  const { flags } = tokenCreate;
  const groups = { kind: "parsed", parse: parseWords, optional: true, placeholder: "names" } as const;
  return buildCommand<CreateTokenFlags, [string], CliContext>({
    loader: async () => (await import("../actions/tokens.ts")).createToken,
    docs: docs(tokenCreate),
    parameters: {
      positional: oneArgument(tokenCreate.arguments.name, placeholders.name),
      flags: {
        scope: { kind: "parsed", parse: parseScopes, brief: flags.scope, placeholder: "scopes" },
        groups: { ...groups, brief: flags.groups },
        // As invite spells it.
        group: { ...groups, brief: flags.groups, hidden: true },
        rate: { kind: "parsed", parse: parseCount, brief: flags.rate, optional: true, placeholder: "calls" },
        ttl: { kind: "parsed", parse: parseDuration, brief: flags.ttl, optional: true, placeholder: "time" },
        untrusted: { kind: "boolean", brief: flags.untrusted, optional: true, withNegated: false },
      },
    },
  });
}

function oneArgument(brief: string, placeholder: string) {
  return { kind: "tuple", parameters: [{ parse: parseText, brief, placeholder }] } as const;
}
