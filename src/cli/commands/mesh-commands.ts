import { buildCommand, buildRouteMap } from "@stricli/core";
import type { CliContext } from "../context.ts";
import type { HelpText } from "../help-text.ts";
import { parseText } from "../parsers.ts";

type NodeAction = "cordonNode" | "uncordonNode" | "drainNode" | "removeNode";

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
  const { node, nodeCordon, nodeUncordon, nodeDrain, nodeRemove } = help.texts.commands;
  return buildRouteMap<string, CliContext>({
    docs: help.docs(node),
    routes: {
      cordon: createNodeCommand(help, nodeCordon, "cordonNode"),
      uncordon: createNodeCommand(help, nodeUncordon, "uncordonNode"),
      drain: createNodeCommand(help, nodeDrain, "drainNode"),
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
    parameters: {
      positional: {
        kind: "tuple",
        parameters: [
          { parse: parseText, brief: command.arguments.node, placeholder: texts.commands.placeholders.node },
        ],
      },
    },
  });
}
