import { Skill, type SkillDetail } from "../../protocol/capability.ts";
import { textStart } from "./text-start.ts";

/** What a skill needs before it can be used, as an agent's SKILL.md or skills.yaml says. */
export interface SkillNeeds {
  /** Names of Node.js: darwin, linux, win32. Empty: any. */
  readonly os: readonly string[];
  /** All of these programs. */
  readonly bins: readonly string[];
  /** At least one of these. */
  readonly anyBins: readonly string[];
  readonly env: readonly string[];
  /** Keys of the runtime's configuration that must be set. */
  readonly config: readonly string[];
  /** The variable that holds its key, which the runtime's configuration can give, too; null: none. */
  readonly primaryEnv: string | null;
  /** Usable whatever else it needs, but for the operating system. */
  readonly always: boolean;
}

export const noNeeds: SkillNeeds = {
  os: [],
  bins: [],
  anyBins: [],
  env: [],
  config: [],
  primaryEnv: null,
  always: false,
};

/** A skill that is there; whether it can be used is not known yet. */
export interface FoundSkill {
  readonly name: string;
  readonly from: SkillDetail["from"];
  readonly description: string | null;
  readonly needs: SkillNeeds;
}

/** Characters of a description that are told; {@link SkillDetail} allows no more. */
const maxDescriptionLength = 256;

/** The name as the mesh takes it; null when it cannot be one. */
export function toSkillName(name: unknown): string | null {
  const parsed = Skill.safeParse(name);
  return parsed.success ? parsed.data : null;
}

/** One line without control characters, cut; null for none. */
export function toDescription(text: unknown): string | null {
  if (typeof text !== "string") return null;
  const line = text
    .slice(0, 4 * maxDescriptionLength)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim();
  return line === "" ? null : textStart(line, maxDescriptionLength);
}
