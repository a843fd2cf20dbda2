import { maxSkillText, type SkillDetail } from "../../protocol/capability.ts";
import type { FoundSkill } from "./found-skill.ts";
import { missingNeeds, type SkillSurroundings } from "./missing-needs.ts";

/** Skills that one node tells of. */
export const maxSkills = 256;

interface ChosenSkills {
  /** Names of those that can be used. */
  readonly usable: readonly string[];
  readonly details: readonly SkillDetail[];
  /** Names beyond what the mesh takes of one node. */
  readonly dropped: readonly string[];
}

/**
 * One entry for each name, whatever its case. What a person declared has the last word; else one that can be used goes
 * before one that lacks something. Beyond the limits those go first that cannot be used, then those of agents.
 */
export function chooseSkills(found: readonly FoundSkill[], here: SkillSurroundings): ChosenSkills {
  const byName = new Map<string, SkillDetail>();
  for (const skill of found) {
    const detail = {
      name: skill.name,
      from: skill.from,
      description: skill.description,
      missing: [...missingNeeds(skill, here)],
    };
    const key = skill.name.toLowerCase();
    const other = byName.get(key);
    if (other === undefined || isBetter(detail, other)) byName.set(key, detail);
  }
  const ordered = [...byName.values()].toSorted((a, b) => placeOf(a) - placeOf(b));
  const details: SkillDetail[] = [];
  const dropped: string[] = [];
  let left = maxSkillText;
  for (const detail of ordered) {
    const length = lengthOf(detail);
    if (details.length === maxSkills || length > left) {
      dropped.push(detail.name);
      continue;
    }
    left -= length;
    details.push(detail);
  }
  const usable = details.filter(({ missing }) => missing.length === 0).map(({ name }) => name);
  return { usable, details, dropped };
}

function isBetter(detail: SkillDetail, other: SkillDetail): boolean {
  if (other.from === "file" || detail.from === "file") return detail.from === "file" && other.from !== "file";
  return detail.missing.length === 0 && other.missing.length > 0;
}

const sources = ["file", "path", "agent"] as const;

function placeOf({ from, missing }: SkillDetail): number {
  return sources.indexOf(from) + (missing.length === 0 ? 0 : sources.length);
}

function lengthOf({ name, description, missing }: SkillDetail): number {
  return missing.reduce((sum, text) => sum + text.length, name.length + (description?.length ?? 0));
}
