import { Requirements } from "../../protocol/capability.ts";
import { issueLines, MeshError } from "../../protocol/errors.ts";
import {
  escapeText,
  givenTwice,
  parseFlag,
  parseMemoryGb,
  parseValue,
  splitConditions,
  splitList,
  type TextCondition,
  unknownKey,
} from "./text-conditions.ts";

const keys = ["gpu", "os", "arch", "skill", "any-skill", "tag", "group", "runtime", "memory"] as const;

/** Reads `gpu,os=darwin,skill=docker,memory>=32`. Throws USAGE. */
export function parseRequirements(text: string): Requirements {
  const found: Record<string, unknown> = {};
  const skills: string[] = [];
  const tags: string[] = [];
  const setOnce = (condition: TextCondition, field: string, value: unknown) => {
    if (Object.hasOwn(found, field)) throw givenTwice(condition.key, "USAGE");
    found[field] = value;
  };
  for (const condition of splitConditions(text)) {
    const { key } = condition;
    if (key === "gpu") setOnce(condition, "gpu", parseFlag(condition, "USAGE"));
    else if (key === "os" || key === "arch")
      setOnce(condition, key, parseValue(condition, "USAGE").toLowerCase());
    else if (key === "group") setOnce(condition, key, parseValue(condition, "USAGE"));
    else if (key === "runtime") setOnce(condition, key, parseValue(condition, "USAGE").toLowerCase());
    else if (key === "skill" || key === "skills") skills.push(...listOf(condition));
    else if (key === "any-skill") setOnce(condition, "any_skill", listOf(condition));
    else if (key === "tag" || key === "tags") tags.push(...listOf(condition));
    else if (key === "memory")
      setOnce(condition, "min_memory_gb", parseMemoryGb(condition.value ?? "", "USAGE"));
    else throw unknownKey(key, keys, "USAGE");
  }
  const parsed = Requirements.safeParse({
    ...found,
    ...(skills.length > 0 && { skills }),
    ...(tags.length > 0 && { tags }),
  });
  if (parsed.success) return parsed.data;
  throw new MeshError(
    "USAGE",
    `the requirements "${text}" are not valid: ${issueLines(parsed.error).join("; ")}`,
  );
}

/** The inverse of {@link parseRequirements}; empty when nothing is required. */
export function printRequirements(requires: Requirements): string {
  const {
    os,
    arch,
    skills,
    any_skill: anySkill,
    tags,
    group,
    runtime,
    min_memory_gb: minMemoryGb,
  } = requires;
  return [
    requires.gpu === true ? "gpu" : null,
    os === undefined ? null : `os=${os}`,
    arch === undefined ? null : `arch=${arch}`,
    ...(skills ?? []).map((skill) => `skill=${escapeText(skill)}`),
    anySkill === undefined ? null : `any-skill=${anySkill.map(escapeText).join("+")}`,
    ...(tags ?? []).map((tag) => `tag=${escapeText(tag)}`),
    group === undefined ? null : `group=${group}`,
    runtime === undefined ? null : `runtime=${runtime}`,
    minMemoryGb === undefined ? null : `memory>=${minMemoryGb}`,
  ]
    .filter((part) => part !== null)
    .join(",");
}

function listOf(condition: TextCondition): readonly string[] {
  parseValue(condition, "USAGE");
  return splitList(condition.value ?? "");
}
