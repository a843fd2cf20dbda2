import { buildCommand, buildRouteMap } from "@stricli/core";
import type { InstallRuntimeFlags } from "../actions/runtime-install.ts";
import type { RuntimeLogsFlags } from "../actions/runtime-logs.ts";
import type { CliContext } from "../context.ts";
import type { HelpText } from "../help-text.ts";
import { parseCount, parseText } from "../parsers.ts";
import { createProvisionFlags } from "./provision-flags.ts";

export function createRuntimeCommands({ texts, docs }: HelpText) {
  const { commands } = texts;
  const { runtimeList, runtimeProbe, runtimeInstall, runtimeStart, runtimeStop, runtimeLogs } = commands;
  const named = (brief: string) => ({ parse: parseText, brief, placeholder: "runtime" });
  return buildRouteMap<string, CliContext>({
    docs: docs(commands.runtime),
    routes: {
      list: buildCommand<Record<never, never>, [], CliContext>({
        loader: async () => (await import("../actions/runtime-list.ts")).listRuntimes,
        docs: docs(runtimeList),
        parameters: {},
      }),
      probe: buildCommand<Record<never, never>, [string?], CliContext>({
        loader: async () => (await import("../actions/runtime-probe.ts")).probeRuntime,
        docs: docs(runtimeProbe),
        parameters: {
          positional: {
            kind: "tuple",
            parameters: [{ ...named(runtimeProbe.arguments.runtime), optional: true }],
          },
        },
      }),
      install: buildCommand<InstallRuntimeFlags, [string?], CliContext>({
        loader: async () => (await import("../actions/runtime-install.ts")).installRuntime,
        docs: docs(runtimeInstall),
        parameters: {
          positional: {
            kind: "tuple",
            parameters: [{ ...named(runtimeInstall.arguments.runtime), optional: true }],
          },
          flags: {
            noStart: {
              kind: "boolean",
              brief: runtimeInstall.flags.noStart,
              optional: true,
              withNegated: false,
            },
            ...createProvisionFlags(texts),
          },
        },
      }),
      start: buildCommand<Record<never, never>, [string], CliContext>({
        loader: async () => (await import("../actions/runtime-start.ts")).startRuntime,
        docs: docs(runtimeStart),
        parameters: { positional: { kind: "tuple", parameters: [named(runtimeStart.arguments.runtime)] } },
      }),
      stop: buildCommand<Record<never, never>, [string], CliContext>({
        loader: async () => (await import("../actions/runtime-start.ts")).stopRuntime,
        docs: docs(runtimeStop),
        parameters: { positional: { kind: "tuple", parameters: [named(runtimeStop.arguments.runtime)] } },
      }),
      logs: buildCommand<RuntimeLogsFlags, [string], CliContext>({
        loader: async () => (await import("../actions/runtime-logs.ts")).showRuntimeLogs,
        docs: docs(runtimeLogs),
        parameters: {
          positional: { kind: "tuple", parameters: [named(runtimeLogs.arguments.runtime)] },
          flags: {
            follow: { kind: "boolean", brief: runtimeLogs.flags.follow, optional: true, withNegated: false },
            lines: {
              kind: "parsed",
              parse: parseCount,
              brief: runtimeLogs.flags.lines,
              optional: true,
              placeholder: "n",
            },
          },
        },
      }),
    },
  });
}
