import { buildCommand, buildRouteMap } from "@stricli/core";
import type { InviteFlags } from "../actions/invites.ts";
import type { CliContext } from "../context.ts";
import type { HelpText } from "../help-text.ts";
import { parseCount, parseDuration, parseText, parseWords } from "../parsers.ts";

export function createInviteCommands(help: HelpText) {
  const { docs, texts } = help;
  const { invite, inviteList, inviteRevoke, placeholders } = texts.commands;
  return buildRouteMap<string, CliContext>({
    docs: docs(invite),
    // `claw-mesh invite` alone makes one.
    defaultCommand: "create",
    routes: {
      create: createCreateCommand(help),
      list: buildCommand<object, [], CliContext>({
        loader: async () => (await import("../actions/invites.ts")).listInvites,
        docs: docs(inviteList),
        parameters: {},
      }),
      revoke: buildCommand<object, [string], CliContext>({
        loader: async () => (await import("../actions/invites.ts")).revokeInvite,
        docs: docs(inviteRevoke),
        parameters: {
          positional: {
            kind: "tuple",
            parameters: [
              { parse: parseText, brief: inviteRevoke.arguments.invite, placeholder: placeholders.invite },
            ],
          },
        },
      }),
    },
  });
}

function createCreateCommand({ docs, texts }: HelpText) {
  const { inviteCreate } = texts.commands;
  const { flags } = inviteCreate;
  const groups = { kind: "parsed", parse: parseWords, optional: true, placeholder: "names" } as const;
  return buildCommand<InviteFlags, [], CliContext>({
    loader: async () => (await import("../actions/invites.ts")).createInvite,
    docs: docs(inviteCreate),
    parameters: {
      flags: {
        ttl: { kind: "parsed", parse: parseDuration, brief: flags.ttl, optional: true, placeholder: "time" },
        uses: { kind: "parsed", parse: parseCount, brief: flags.uses, optional: true, placeholder: "number" },
        name: { kind: "parsed", parse: parseText, brief: flags.name, optional: true, placeholder: "name" },
        tags: { kind: "parsed", parse: parseWords, brief: flags.tags, optional: true, placeholder: "words" },
        group: { ...groups, brief: flags.group },
        // As token create spells it.
        groups: { ...groups, brief: flags.group, hidden: true },
      },
    },
  });
}
