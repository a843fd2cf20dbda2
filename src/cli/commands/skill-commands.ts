import { buildCommand } from "@stricli/core";
import type { CliContext } from "../context.ts";
import type { HelpText } from "../help-text.ts";
import { parseText } from "../parsers.ts";

export function createSkillsCommand({ texts, docs }: HelpText) {
  const { skills } = texts.commands;
  return buildCommand<object, [string?], CliContext>({
    loader: async () => (await import("../actions/skills.ts")).listSkills,
    docs: docs(skills),
    parameters: {
      positional: {
        kind: "tuple",
        parameters: [
          { parse: parseText, brief: skills.arguments.skill, placeholder: "skill", optional: true },
        ],
      },
    },
  });
}
