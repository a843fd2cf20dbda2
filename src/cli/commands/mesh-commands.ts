import { buildCommand, buildRouteMap } from "@stricli/core";
import type { DrainFlags } from "../actions/mesh.ts";
import type { CliContext } from "../context.ts";
import type { HelpText } from "../help-text.ts";
import { parseDuration, parseText } from "../parsers.ts";

type NodeAction = "cordonNode" | "uncordonNode" | "removeNode";

export function createStatusCommand({ texts, docs }: HelpText) {
  return buildCommand<object, [], CliContext>({
    loader: async () => (await import("../actions/mesh.ts")).showStatus,
    docs: docs(texts.commands.status),
    parameters: {},
  });
}

export function createNodesCommand({ texts, docs }: HelpText) {
  return buildCommand<object, [], CliContext>({
    loader: async () => (await import("../actions/mesh.ts")).listNodes,
    docs: docs(texts.commands.nodes),
    parameters: {},
  });
}

export function createNodeCommands(help: HelpText) {
  const { node, nodeCordon, nodeUncordon, nodeRemove } = help.texts.commands;
  return buildRouteMap<string, CliContext>({
    docs: help.docs(node),
    routes: {
      cordon: createNodeCommand(help, nodeCordon, "cordonNode"),
      uncordon: createNodeCommand(help, nodeUncordon, "uncordonNode"),
      drain: createDrainCommand(help),
      remove: createNodeCommand(help, nodeRemove, "removeNode"),
    },
  });
}

function createNodeCommand(
  { texts, docs }: HelpText,
  command: HelpText["texts"]["commands"]["nodeCordon"],
  action: NodeAction,
) {
  return buildCommand<object, [string], CliContext>({
    loader: async () => (await import("../actions/mesh.ts"))[action],
    docs: docs(command),
    parameters: { positional: nodeArgument(texts, command.arguments.node) },
  });
}

function createDrainCommand({ texts, docs }: HelpText) {
  const { nodeDrain } = texts.commands;
  return buildCommand<DrainFlags, [string], CliContext>({
    loader: async () => (await import("../actions/mesh.ts")).drainNode,
    docs: docs(nodeDrain),
    parameters: {
      flags: {
        deadline: {
          kind: "parsed",
          parse: parseDuration,
          brief: nodeDrain.flags.deadline,
          optional: true,
          placeholder: "time",
        },
      },
      positional: nodeArgument(texts, nodeDrain.arguments.node),
    },
  });
}

function nodeArgument(texts: HelpText["texts"], brief: string) {
  const { placeholders } = texts.commands;
  return {
    kind: "tuple",
    parameters: [{ parse: parseText, brief, placeholder: placeholders.node }],
  } as const;
}
