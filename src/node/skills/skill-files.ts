import { readdir, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { readBoundedText } from "../../platform/bounded-file.ts";
import { waitAtMost } from "../../platform/bounded-wait.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { FoundSkill } from "./found-skill.ts";
import { readSkillText } from "./front-matter.ts";
import { maxYamlLength } from "./simple-yaml.ts";

/** Bytes of a SKILL.md that are read: the front matter stands at its beginning. */
const maxFileBytes = 2 * maxYamlLength;

/** Entries of one folder that are looked at, and skills of the machine that are read. */
const maxEntries = 512;
export const maxSkillFiles = 1_024;

/** Folders of skills may stand in one folder more, by subject; below that nothing is looked for. */
const maxDepth = 2;

/** Longest time for one place: some lie on network drives that do not answer. */
const placeLimitMs = 5_000;

interface SkillFileDeps {
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The skills of these places, by their SKILL.md. Of two with the same name the one of the earlier place counts, as in the
 * runtimes. What is no skill is skipped and told at debug. Never rejects.
 */
export async function readSkillFolders(
  places: readonly string[],
  { clock, log }: SkillFileDeps,
): Promise<readonly FoundSkill[]> {
  const found = new Map<string, FoundSkill>();
  const seen = new Set<string>();
  let left = maxSkillFiles;

  async function readSkill(folder: string): Promise<boolean> {
    const path = join(folder, "SKILL.md");
    const read = await readBoundedText(path, { maxBytes: maxFileBytes, followsLinks: true, startOnly: true });
    if ("problem" in read) {
      if (read.problem === "absent") return false;
      log.debug("skill skipped", { path, reason: read.problem });
      return true;
    }
    left -= 1;
    const result = readSkillText(read.text, basename(folder));
    if ("problem" in result) {
      log.debug("skill skipped", { path, reason: result.problem });
      return true;
    }
    const key = result.skill.name.toLowerCase();
    if (!found.has(key)) found.set(key, result.skill);
    return true;
  }

  async function look(folder: string, depth: number): Promise<void> {
    // Links are followed, as people keep their skills in other folders; each real folder is looked at once.
    const real = await realpath(folder).catch(() => null);
    if (real === null || seen.has(real)) return;
    seen.add(real);
    const entries = await readdir(real, { withFileTypes: true }).catch(() => []);
    const folders = entries
      .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
      .filter(({ name }) => !name.startsWith(".") && name !== "node_modules")
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    if (folders.length > maxEntries) {
      log.debug("too many folders for skills", { path: folder, read: maxEntries, found: folders.length });
    }
    for (const { name } of folders.slice(0, maxEntries)) {
      if (left <= 0) return;
      const inner = join(real, name);
      if (!(await readSkill(inner)) && depth < maxDepth) await look(inner, depth + 1);
    }
  }

  for (const place of places) {
    await waitAtMost(look(place, 1), { clock, limitMs: placeLimitMs, otherwise: undefined });
    if (left <= 0) log.debug("too many skills", { read: maxSkillFiles });
  }
  return [...found.values()];
}
