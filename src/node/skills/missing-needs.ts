import { skillTable } from "../skill-table.ts";
import type { FoundSkill } from "./found-skill.ts";
import { textStart } from "./text-start.ts";

/** What of the machine decides whether a skill can be used. */
export interface SkillSurroundings {
  readonly platform: NodeJS.Platform;
  readonly hasProgram: (name: string) => boolean;
  readonly hasVariable: (name: string) => boolean;
  /** Whether a key of the runtime's configuration is set to something that is not off. */
  readonly hasConfig: (path: string) => boolean;
}

/** What the wire carries of one skill. */
const maxMissing = 16;
const maxMissingLength = 128;

/** What a skill needs and this machine lacks, in words: `program ffmpeg`, `os darwin`. Empty: it can be used. */
export function missingNeeds(skill: FoundSkill, here: SkillSurroundings): readonly string[] {
  const { name, needs } = skill;
  const { os, bins, anyBins, env, config, primaryEnv, always } = needs;
  const wrongOs = os.length > 0 && !os.some((word) => toPlatform(word) === here.platform);
  const osPart = wrongOs ? [`os ${os.join(" or ")}`] : [];
  const namesake = missingNamesake(skill, here);
  if (always) return cut([...osPart, ...namesake]);
  const entry = `skills.entries.${name}`;
  const hasKey = (variable: string) => variable === primaryEnv && here.hasConfig(`${entry}.apiKey`);
  return cut([
    ...osPart,
    ...namesake.filter((text) => !bins.some((bin) => text === `program ${bin}`)),
    ...bins.filter((bin) => !here.hasProgram(bin)).map((bin) => `program ${bin}`),
    ...(anyBins.length > 0 && !anyBins.some(here.hasProgram) ? [`program ${anyBins.join(" or ")}`] : []),
    ...env
      .filter((variable) => !here.hasVariable(variable) && !hasKey(variable))
      .filter((variable) => !here.hasConfig(`${entry}.env.${variable}`))
      .map((variable) => `variable ${variable}`),
    ...config.filter((path) => !here.hasConfig(path)).map((path) => `config key ${path}`),
  ]);
}

/** A folder that is called like a program of the table tells an agent of that program; it is not the program. */
function missingNamesake({ name, from }: FoundSkill, here: SkillSurroundings): readonly string[] {
  if (from !== "agent") return [];
  const entry = skillTable.find(({ skill }) => skill === name.toLowerCase());
  if (entry === undefined || entry.anyOf.some(here.hasProgram)) return [];
  return [`program ${entry.anyOf.join(" or ")}`];
}

function cut(missing: readonly string[]): readonly string[] {
  return missing.slice(0, maxMissing).map((text) => textStart(text, maxMissingLength));
}

/** People write other names than Node.js has. */
function toPlatform(word: string): string {
  const key = word.toLowerCase();
  if (key === "macos" || key === "mac") return "darwin";
  return key === "windows" ? "win32" : key;
}
