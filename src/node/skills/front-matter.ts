import { z } from "zod";
import { type FoundSkill, noNeeds, type SkillNeeds, toDescription, toSkillName } from "./found-skill.ts";
import { parseSimpleYaml } from "./simple-yaml.ts";

/** Characters of a front matter; real ones have a few hundred, and long ones keep the parser busy. */
export const maxFrontMatterLength = 4 * 1024;

/** A needed thing: the name of a program, a variable, a key. */
const Need = z.string().trim().min(1).max(96);
/** As people write it: a list, or one word. */
export const Needs = z.union([
  z.array(Need).max(64),
  Need.transform((need): string[] => [need]),
  z.null().transform((): string[] => []),
]);

export const NeedFields = {
  bins: Needs.optional(),
  anyBins: Needs.optional(),
  env: Needs.optional(),
  config: Needs.optional(),
};

const OpenclawPart = z.object({
  os: Needs.optional(),
  requires: z.object(NeedFields).optional(),
  primaryEnv: Need.optional(),
  always: z.boolean().optional(),
});

const FrontMatter = z.object({
  name: z.unknown().optional(),
  description: z.unknown().optional(),
  metadata: z.unknown().optional(),
});

/** The YAML between the first two lines of `---`; null when the text does not begin so. */
function frontMatterOf(text: string): string | null {
  const start = /^\ufeff?---[ \t]*\r?\n/.exec(text);
  if (start === null) return null;
  const rest = text.slice(start[0].length, start[0].length + maxFrontMatterLength);
  const end = /^---[ \t]*\r?$/m.exec(rest);
  return end === null ? null : rest.slice(0, end.index);
}

/**
 * A skill as its SKILL.md tells it: OpenClaw's requirements when there are some, else none.
 * @param folder name of its folder, for a skill that has no name of its own
 * @returns why it is none, when it is none
 */
export function readSkillText(
  text: string,
  folder: string,
): { readonly skill: FoundSkill } | { readonly problem: string } {
  const yaml = frontMatterOf(text);
  if (yaml === null) return { problem: "it has no front matter" };
  const parsed = FrontMatter.safeParse(parseSimpleYaml(yaml));
  if (!parsed.success) return { problem: "its front matter is not simple YAML" };
  const { name, description, metadata } = parsed.data;
  const skillName = toSkillName(typeof name === "string" && name.trim() !== "" ? name : folder);
  if (skillName === null) return { problem: "its name cannot be the name of a skill" };
  const needs = readNeeds(metadata);
  if (needs === null) return { problem: "its requirements cannot be read" };
  return {
    skill: { name: skillName, from: "agent", description: toDescription(description), needs },
  };
}

/** null: there are some and they are not understood, so that nobody knows whether it can be used. */
function readNeeds(metadata: unknown): SkillNeeds | null {
  if (typeof metadata !== "object" || metadata === null || !("openclaw" in metadata)) return noNeeds;
  const part = OpenclawPart.safeParse(metadata.openclaw);
  if (!part.success) return null;
  const { os, requires, primaryEnv, always } = part.data;
  return {
    os: os ?? [],
    bins: requires?.bins ?? [],
    anyBins: requires?.anyBins ?? [],
    env: requires?.env ?? [],
    config: requires?.config ?? [],
    primaryEnv: primaryEnv ?? null,
    always: always ?? false,
  };
}
