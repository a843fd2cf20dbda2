import { buildCommand, buildRouteMap } from "@stricli/core";
import type { ServiceChoice, ServiceLogsFlags } from "../actions/service.ts";
import type { ServiceInstallFlags } from "../actions/service-install.ts";
import type { CliContext } from "../context.ts";
import type { HelpText } from "../help-text.ts";
import { parseCount, parseText } from "../parsers.ts";

export function createServiceCommands({ texts, docs }: HelpText) {
  const { commands } = texts;
  const { serviceInstall, serviceLogs } = commands;
  const text = { kind: "parsed", parse: parseText, optional: true } as const;
  const flag = { kind: "boolean", optional: true, withNegated: false } as const;
  const choice = {
    name: { ...text, brief: commands.serviceName, placeholder: "name" },
    user: { ...flag, brief: serviceInstall.flags.user },
    system: { ...flag, brief: serviceInstall.flags.system },
  } as const;
  const positional = {
    kind: "tuple",
    parameters: [{ parse: parseText, brief: commands.serviceRole, placeholder: "service", optional: true }],
  } as const;
  return buildRouteMap<string, CliContext>({
    docs: docs(commands.service),
    routes: {
      install: buildCommand<ServiceInstallFlags, string[], CliContext>({
        loader: async () => (await import("../actions/service-install.ts")).installService,
        docs: docs(serviceInstall),
        parameters: {
          positional: {
            kind: "array",
            parameter: { parse: parseText, brief: serviceInstall.arguments.words, placeholder: "what" },
          },
          flags: {
            ...choice,
            name: { ...choice.name, brief: serviceInstall.flags.name },
            runAs: { ...text, brief: serviceInstall.flags.runAs, placeholder: "user" },
            dryRun: { ...flag, brief: serviceInstall.flags.dryRun },
          },
        },
      }),
      start: buildCommand<ServiceChoice, [string?], CliContext>({
        loader: async () => (await import("../actions/service.ts")).startService,
        docs: docs(commands.serviceStart),
        parameters: { positional, flags: choice },
      }),
      stop: buildCommand<ServiceChoice, [string?], CliContext>({
        loader: async () => (await import("../actions/service.ts")).stopService,
        docs: docs(commands.serviceStop),
        parameters: { positional, flags: choice },
      }),
      status: buildCommand<ServiceChoice, [string?], CliContext>({
        loader: async () => (await import("../actions/service.ts")).showServices,
        docs: docs(commands.serviceStatus),
        parameters: { positional, flags: choice },
      }),
      logs: buildCommand<ServiceLogsFlags, [string?], CliContext>({
        loader: async () => (await import("../actions/service.ts")).showServiceLogs,
        docs: docs(serviceLogs),
        parameters: {
          positional,
          flags: {
            ...choice,
            follow: { ...flag, brief: serviceLogs.flags.follow },
            lines: { ...text, parse: parseCount, brief: serviceLogs.flags.lines, placeholder: "n" },
          },
        },
      }),
      uninstall: buildCommand<ServiceChoice, [string?], CliContext>({
        loader: async () => (await import("../actions/service.ts")).uninstallService,
        docs: docs(commands.serviceUninstall),
        parameters: { positional, flags: choice },
      }),
    },
  });
}
