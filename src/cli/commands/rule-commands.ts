import { buildCommand, buildRouteMap } from "@stricli/core";
import { Otherwise, StrategyName } from "../../protocol/rule.ts";
import type { AddRuleFlags, MoveRuleFlags, SetGroupFlags } from "../actions/rules.ts";
import type { CliContext } from "../context.ts";
import type { HelpText } from "../help-text.ts";
import { parseCount, parseList, parseText } from "../parsers.ts";
import { createExplainCommand } from "./message-commands.ts";

export function createRouteCommands(help: HelpText) {
  const { docs, texts } = help;
  const { route, routeList, routeRemove, placeholders } = texts.commands;
  return buildRouteMap<string, CliContext>({
    docs: docs(route),
    routes: {
      list: buildCommand<object, [], CliContext>({
        loader: async () => (await import("../actions/rules.ts")).listRules,
        docs: docs(routeList),
        parameters: {},
      }),
      add: createAddCommand(help),
      remove: buildCommand<object, [string], CliContext>({
        loader: async () => (await import("../actions/rules.ts")).removeRule,
        docs: docs(routeRemove),
        parameters: { positional: oneArgument(routeRemove.arguments.rule, placeholders.rule) },
      }),
      move: createMoveCommand(help),
      explain: createExplainCommand(help),
    },
  });
}

export function createGroupCommands({ texts, docs }: HelpText) {
  const { group, groupList, groupSet, groupRemove, placeholders } = texts.commands;
  const { flags } = groupSet;
  return buildRouteMap<string, CliContext>({
    docs: docs(group),
    routes: {
      list: buildCommand<object, [], CliContext>({
        loader: async () => (await import("../actions/rules.ts")).listGroups,
        docs: docs(groupList),
        parameters: {},
      }),
      set: buildCommand<SetGroupFlags, [string], CliContext>({
        loader: async () => (await import("../actions/rules.ts")).setGroup,
        docs: docs(groupSet),
        parameters: {
          positional: oneArgument(groupSet.arguments.name, placeholders.name),
          flags: {
            nodes: {
              kind: "parsed",
              parse: parseList,
              brief: flags.nodes,
              optional: true,
              placeholder: "names",
            },
            match: {
              kind: "parsed",
              parse: parseText,
              brief: flags.match,
              optional: true,
              placeholder: "needs",
            },
          },
        },
      }),
      remove: buildCommand<object, [string], CliContext>({
        loader: async () => (await import("../actions/rules.ts")).removeGroup,
        docs: docs(groupRemove),
        parameters: { positional: oneArgument(groupRemove.arguments.name, placeholders.name) },
      }),
    },
  });
}

function createAddCommand({ texts, docs }: HelpText) {
  const { routeAdd } = texts.commands;
  const { flags } = routeAdd;
  return buildCommand<AddRuleFlags, [], CliContext>({
    loader: async () => (await import("../actions/rules.ts")).addRule,
    docs: docs(routeAdd),
    parameters: {
      flags: {
        match: { kind: "parsed", parse: parseText, brief: flags.match, placeholder: "criteria" },
        target: {
          kind: "parsed",
          parse: parseList,
          brief: flags.target,
          optional: true,
          placeholder: "names",
        },
        strategy: { kind: "enum", values: StrategyName.options, brief: flags.strategy, optional: true },
        otherwise: { kind: "enum", values: Otherwise.options, brief: flags.otherwise, optional: true },
        refuse: { kind: "boolean", brief: flags.refuse, optional: true, withNegated: false },
      },
    },
  });
}

function createMoveCommand({ texts, docs }: HelpText) {
  const { routeMove, placeholders } = texts.commands;
  const { flags } = routeMove;
  return buildCommand<MoveRuleFlags, [string], CliContext>({
    loader: async () => (await import("../actions/rules.ts")).moveRule,
    docs: docs(routeMove),
    parameters: {
      positional: oneArgument(routeMove.arguments.rule, placeholders.rule),
      flags: {
        to: { kind: "parsed", parse: parseCount, brief: flags.to, optional: true, placeholder: "n" },
        first: { kind: "boolean", brief: flags.first, optional: true, withNegated: false },
        last: { kind: "boolean", brief: flags.last, optional: true, withNegated: false },
      },
    },
  });
}

function oneArgument(brief: string, placeholder: string) {
  return { kind: "tuple", parameters: [{ parse: parseText, brief, placeholder }] } as const;
}
