import { join } from "node:path";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { findOpenclawPlaces, valueAt } from "../../platform/openclaw-paths.ts";
import { homeDir } from "../../platform/paths.ts";
import type { Capabilities } from "../../protocol/capability.ts";
import { chooseSkills } from "./choose-skills.ts";
import { findPrograms, pathSkills } from "./path-skills.ts";
import { createSkillFolders } from "./skill-files.ts";
import { findSkillPlaces } from "./skill-places.ts";
import { readSkillsFile } from "./skills-file.ts";

export interface SkillDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly platform: NodeJS.Platform;
  /** Where the file system begins; default `/`. */
  readonly root?: string;
  /** Holds `skills.yaml`. */
  readonly dataDir: string;
  readonly log: Log;
}

/** Names of dropped skills that one line tells. */
const maxTold = 10;

/**
 * The skills of this machine: what `skills.yaml` declares, programs on PATH, and skills of agents. Remembers what it has
 * warned of, so that looking again tells only what is new. Never rejects.
 */
export function createSkillSearch(
  deps: SkillDeps,
): () => Promise<Pick<Capabilities, "skills"> & { readonly skill_details: Capabilities["skill_details"] }> {
  const { env, clock, log } = deps;
  const path = join(deps.dataDir, "skills.yaml");
  const home = homeDir(env);
  const readFolders = createSkillFolders({ clock, log });
  let told = "";

  function warn(problems: readonly string[], dropped: readonly string[]): void {
    const telling = JSON.stringify([problems, dropped]);
    if (telling === told) return;
    told = telling;
    for (const problem of problems) log.warn("skills.yaml is not understood", { path, problem });
    if (dropped.length > 0) {
      log.warn("more skills than the mesh takes of one node", {
        left_out: dropped.length,
        names: dropped.slice(0, maxTold).join(", "),
      });
    }
  }

  return async () => {
    const openclaw = await findOpenclawPlaces(env, home);
    const [declared, agent] = await Promise.all([
      readSkillsFile(path),
      findSkillPlaces(home, openclaw, env).then(readFolders),
    ]);
    const wanted = [...declared.skills, ...agent].flatMap(({ needs }) => [...needs.bins, ...needs.anyBins]);
    const programs = await findPrograms(wanted, deps);
    const { usable, details, dropped } = chooseSkills(
      [...declared.skills, ...pathSkills(programs), ...agent],
      {
        platform: deps.platform,
        hasProgram: (name) => programs.has(name),
        hasVariable: (name) => (env[name] ?? "") !== "",
        hasConfig: (key) => isConfigured(openclaw.config, key),
      },
    );
    warn(declared.problems, dropped);
    return { skills: [...usable], skill_details: [...details] };
  };
}

/** Whether the configuration has this key, by its dotted path, and it is not off. */
function isConfigured(config: unknown, path: string): boolean {
  const value = valueAt(config, path.split("."));
  return value !== undefined && value !== null && value !== false && value !== "";
}
