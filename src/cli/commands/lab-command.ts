import { buildCommand } from "@stricli/core";
import type { LabFlags } from "../actions/lab.ts";
import type { CliContext } from "../context.ts";
import type { HelpText } from "../help-text.ts";
import { parseCount, parseDuration, parseList, parseText } from "../parsers.ts";

export function createLabCommand({ texts, docs }: HelpText) {
  const { lab } = texts.commands;
  const count = { kind: "parsed", parse: parseCount, optional: true, placeholder: "n" } as const;
  const text = { kind: "parsed", parse: parseText, optional: true, placeholder: "file" } as const;
  const flag = { kind: "boolean", optional: true, withNegated: false } as const;
  return buildCommand<LabFlags, [], CliContext>({
    loader: async () => (await import("../actions/lab.ts")).runLabCommand,
    docs: docs(lab),
    parameters: {
      flags: {
        nodes: { ...count, brief: lab.flags.nodes },
        slots: { ...count, brief: lab.flags.slots },
        tasks: { ...count, brief: lab.flags.tasks },
        seed: { ...count, brief: lab.flags.seed },
        chaos: { ...flag, brief: lab.flags.chaos },
        faults: {
          kind: "parsed",
          parse: parseList,
          brief: lab.flags.faults,
          optional: true,
          placeholder: "kinds",
        },
        schedule: { ...text, brief: lab.flags.schedule },
        rate: { ...count, brief: lab.flags.rate },
        safe: { ...count, brief: lab.flags.safe },
        settle: {
          kind: "parsed",
          parse: parseDuration,
          brief: lab.flags.settle,
          optional: true,
          placeholder: "time",
        },
        report: { ...text, brief: lab.flags.report },
        keep: { ...flag, brief: lab.flags.keep },
        verbose: { ...flag, brief: lab.flags.verbose },
      },
    },
  });
}
