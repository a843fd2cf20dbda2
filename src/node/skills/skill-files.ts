import { readdir, realpath, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { readBoundedText } from "../../platform/bounded-file.ts";
import { waitAtMost } from "../../platform/bounded-wait.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { FoundSkill } from "./found-skill.ts";
import { maxFrontMatterLength, readSkillText } from "./front-matter.ts";

/** Bytes of a SKILL.md that are read: the front matter stands at its beginning, and a letter has up to three. */
const maxFileBytes = 4 * maxFrontMatterLength;

/** Entries of one folder that are looked at, folders of one place, and skills of the machine that are read. */
const maxEntries = 512;
const defaultMaxFolders = 2_048;
const defaultMaxSkillFiles = 1_024;

/** Folders of skills may stand in one folder more, by subject; below that nothing is looked for. */
const maxDepth = 2;

/** Longest time for one place: some lie on network drives that do not answer. */
const placeLimitMs = 5_000;

interface SkillFileDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Lower limits for tests. */
  readonly maxSkillFiles?: number;
  readonly maxFolders?: number;
}

/** What a SKILL.md said; it is read again when its time or its size is another. */
interface ReadSkill {
  readonly mtimeMs: number;
  readonly size: number;
  readonly result: ReturnType<typeof readSkillText>;
}

/** One look at all places. */
interface Look {
  readonly found: Map<string, FoundSkill>;
  /** Real paths of the folders that were looked at. */
  readonly seen: Set<string>;
  /** What was read this time, by path: files that are gone are forgotten. */
  readonly read: Map<string, ReadSkill>;
  filesLeft: number;
}

/** At one place; over when its time is. */
interface Walk {
  readonly look: Look;
  foldersLeft: number;
  isOver: boolean;
}

/**
 * The skills of places, by their SKILL.md. Of two with the same name the one of the earlier place counts, as in the
 * runtimes. What is no skill is skipped and told at debug. Looking again reads only what has changed. Never rejects.
 */
export function createSkillFolders({
  clock,
  log,
  maxSkillFiles = defaultMaxSkillFiles,
  maxFolders = defaultMaxFolders,
}: SkillFileDeps): (places: readonly string[]) => Promise<readonly FoundSkill[]> {
  let before: ReadonlyMap<string, ReadSkill> = new Map();

  /** @returns whether the folder is one of a skill */
  async function readSkill(folder: string, walk: Walk): Promise<boolean> {
    const path = join(folder, "SKILL.md");
    const stats = await stat(path).catch(() => null);
    if (stats === null) return false;
    const { look } = walk;
    const old = before.get(path);
    const isSame = old !== undefined && old.mtimeMs === stats.mtimeMs && old.size === stats.size;
    const result = isSame ? old.result : await readFile(path);
    // A late answer of a place that was given up changes nothing any more.
    if (walk.isOver) return true;
    look.filesLeft -= 1;
    look.read.set(path, { mtimeMs: stats.mtimeMs, size: stats.size, result });
    if ("problem" in result) {
      if (!isSame) log.debug("skill skipped", { path, reason: result.problem });
      return true;
    }
    const key = result.skill.name.toLowerCase();
    if (!look.found.has(key)) look.found.set(key, result.skill);
    return true;
  }

  async function readFile(path: string): Promise<ReadSkill["result"]> {
    const read = await readBoundedText(path, { maxBytes: maxFileBytes, followsLinks: true, startOnly: true });
    return "problem" in read ? read : readSkillText(read.text, basename(join(path, "..")));
  }

  async function visit(folder: string, depth: number, walk: Walk): Promise<void> {
    // Links are followed, as people keep their skills in other folders; each real folder is looked at once.
    const real = await realpath(folder).catch(() => null);
    if (real === null || walk.isOver || walk.look.seen.has(real)) return;
    walk.look.seen.add(real);
    const entries = await readdir(real, { withFileTypes: true }).catch(() => []);
    const folders = entries
      .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
      .filter(({ name }) => !name.startsWith(".") && name !== "node_modules")
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    if (folders.length > maxEntries) {
      log.debug("too many folders for skills", { path: folder, read: maxEntries, found: folders.length });
    }
    for (const { name } of folders.slice(0, maxEntries)) {
      if (walk.isOver || walk.look.filesLeft <= 0 || walk.foldersLeft <= 0) return;
      walk.foldersLeft -= 1;
      const inner = join(real, name);
      if (!(await readSkill(inner, walk)) && depth < maxDepth) await visit(inner, depth + 1, walk);
    }
  }

  return async (places) => {
    const look: Look = { found: new Map(), seen: new Set(), read: new Map(), filesLeft: maxSkillFiles };
    for (const place of places) {
      const walk: Walk = { look, foldersLeft: maxFolders, isOver: false };
      const isDone = await waitAtMost(
        visit(place, 1, walk).then(() => true),
        { clock, limitMs: placeLimitMs, otherwise: false },
      );
      walk.isOver = true;
      if (!isDone) log.debug("a place of skills takes too long", { place, limitMs: placeLimitMs });
      if (look.filesLeft <= 0) log.debug("too many skills", { read: maxSkillFiles });
      if (walk.foldersLeft <= 0) log.debug("too many folders for skills", { path: place, read: maxFolders });
    }
    before = look.read;
    return [...look.found.values()];
  };
}
