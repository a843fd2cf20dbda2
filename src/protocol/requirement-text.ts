import { Requirements } from "./capability.ts";
import { type Criterion, createValueReaders, escapeText, splitCriteria } from "./criteria-text.ts";
import { issueLines, MeshError } from "./errors.ts";
import { nearestName } from "./nearest-name.ts";

export const requirementTextKeys = [
  "gpu",
  "os",
  "arch",
  "skill",
  "skills",
  "any-skill",
  "tag",
  "group",
  "runtime",
  "memory",
] as const;

const requirementTextHint = "For example: gpu  os=darwin,skill=xcode  any-skill=docker+podman  memory>=32";

const { readWord, readWords, readMemory } = createValueReaders({
  separator: "=",
  example: { memory: "memory>=32" },
  invalid,
});

/**
 * Reads what a message needs as people type it: `gpu,os=darwin,skill=docker,memory>=32`. `skill` and `tag` may be
 * repeated.
 * @throws MeshError USAGE, naming the criterion
 */
export function parseRequirements(text: string): Requirements {
  const draft: Record<string, unknown> = {};
  const skills: string[] = [];
  const tags: string[] = [];
  for (const criterion of splitCriteria(text)) {
    if (criterion.key === "skill") skills.push(readWord(criterion));
    else if (criterion.key === "skills") skills.push(...readWords(criterion));
    else if (criterion.key === "tag") tags.push(readWord(criterion));
    else {
      const [field, value] = readCriterion(criterion);
      if (Object.hasOwn(draft, field)) throw invalid(`"${criterion.key}" is given twice in "${text}"`);
      draft[field] = value;
    }
  }
  if (skills.length > 0) draft.skills = skills;
  if (tags.length > 0) draft.tags = tags;
  const requirements = Requirements.safeParse(draft);
  if (!requirements.success) throw invalid(`"${text}": ${issueLines(requirements.error).join("; ")}`);
  return requirements.data;
}

/** Inverse of {@link parseRequirements}; the empty text when nothing is required. */
export function printRequirements(requirements: Requirements): string {
  const parts: string[] = [];
  const add = (key: string, value: string | undefined) => {
    if (value !== undefined) parts.push(`${key}=${escapeText(value, ",")}`);
  };
  if (requirements.gpu === true) parts.push("gpu");
  add("os", requirements.os);
  add("arch", requirements.arch);
  for (const skill of requirements.skills ?? []) add("skill", skill);
  if (requirements.any_skill !== undefined) {
    parts.push(`any-skill=${requirements.any_skill.map((skill) => escapeText(skill, ",+")).join("+")}`);
  }
  for (const tag of requirements.tags ?? []) add("tag", tag);
  add("group", requirements.group);
  add("runtime", requirements.runtime);
  if (requirements.min_memory_gb !== undefined) parts.push(`memory>=${requirements.min_memory_gb}`);
  return parts.join(",");
}

function readCriterion(criterion: Criterion): readonly [field: keyof Requirements, value: unknown] {
  switch (criterion.key) {
    case "gpu":
      if (criterion.value !== null && criterion.value.toLowerCase() !== "true") {
        throw invalid(`"${criterion.text}": a message can need a GPU, but not the lack of one`);
      }
      return ["gpu", true];
    case "os":
      return ["os", readWord(criterion).toLowerCase()];
    case "arch":
      return ["arch", readWord(criterion).toLowerCase()];
    case "any-skill":
      return ["any_skill", readWords(criterion)];
    case "group":
      return ["group", readWord(criterion)];
    case "runtime":
      return ["runtime", readWord(criterion).toLowerCase()];
    case "memory":
      return ["min_memory_gb", readMemory(criterion)];
    default:
      throw invalid(
        criterion.text === ""
          ? "requirements must not be empty"
          : `"${criterion.text}" is not a requirement; known are ${requirementTextKeys.join(", ")}`,
        hintForKey(criterion),
      );
  }
}

/** A mistyped key, or a skill without its key. */
function hintForKey({ key, value, text }: Criterion): string | undefined {
  const nearest = nearestName(key, requirementTextKeys);
  if (nearest !== null) return `Did you mean ${nearest}?`;
  return value === null && text !== "" ? `Did you mean skill=${text}?` : undefined;
}

function invalid(message: string, hint = requirementTextHint): MeshError {
  return new MeshError("USAGE", message, { hint });
}
