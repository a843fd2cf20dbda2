import { buildCommand } from "@stricli/core";
import type { InitFlags } from "../actions/access.ts";
import type { DoctorFlags } from "../actions/doctor.ts";
import type { CliContext } from "../context.ts";
import type { HelpText } from "../help-text.ts";
import { parseText } from "../parsers.ts";

export function createInitCommand({ texts, docs }: HelpText) {
  const { init } = texts.commands;
  return buildCommand<InitFlags, [], CliContext>({
    loader: async () => (await import("../actions/access.ts")).writeConfig,
    docs: docs(init),
    parameters: {
      flags: {
        force: { kind: "boolean", brief: init.flags.force, optional: true, withNegated: false },
        tls: { kind: "boolean", brief: init.flags.tls, optional: true, withNegated: false },
      },
    },
  });
}

export function createVersionCommand({ texts, docs }: HelpText) {
  return buildCommand<object, [], CliContext>({
    loader: async () => (await import("../actions/access.ts")).showVersion,
    docs: docs(texts.commands.version),
    parameters: {},
  });
}

export function createDoctorCommand({ texts, docs }: HelpText) {
  const { flags } = texts.commands.doctor;
  const file = { kind: "parsed", parse: parseText, optional: true, placeholder: "file" } as const;
  return buildCommand<DoctorFlags, [], CliContext>({
    loader: async () => (await import("../actions/doctor.ts")).runDoctor,
    docs: docs(texts.commands.doctor),
    parameters: {
      flags: {
        fix: { kind: "boolean", brief: flags.fix, optional: true, withNegated: false },
        bundle: { ...file, brief: flags.bundle },
        log: { ...file, brief: flags.log },
      },
    },
  });
}
