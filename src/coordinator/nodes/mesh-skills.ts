import type { z } from "zod";
import {
  type MeshSkill,
  maxMeshSkills,
  maxSkillNodes,
  maxSkillsLength,
  type skillRoutes,
} from "../../protocol/http/skill-routes.ts";
import { type MeshNode, toNodeStatus } from "./mesh-node.ts";

/** Fields of one skill while they are gathered. */
type Gathered = { -readonly [Key in keyof MeshSkill]: MeshSkill[Key] };

/** Characters of JSON round the texts of one skill, and of one node of it. */
const skillFrame = 160;
const nodeFrame = 96;

interface GatherOptions {
  /** This skill alone, whatever its case; null: all. */
  readonly name?: string | null;
  /** Lower limit for tests; default {@link maxSkillsLength}. */
  readonly maxLength?: number;
}

/**
 * What the nodes can do, by name of the skill and without regard to case; written as the first node by name does. Those that
 * are offline count, with their status. Of many nodes the first by name are told, as far as the whole has room; all are counted.
 */
export function gatherMeshSkills(
  nodes: readonly MeshNode[],
  { name: wanted = null, maxLength = maxSkillsLength }: GatherOptions = {},
): z.infer<typeof skillRoutes.listSkills.answer> {
  const skills = new Map<string, Gathered>();
  const leftOut = new Set<string>();
  const only = wanted?.toLowerCase() ?? null;
  let left = maxLength;

  function hasRoom(length: number): boolean {
    if (length > left) return false;
    left -= length;
    return true;
  }

  function entryOf(key: string, name: string): Gathered | null {
    const known = skills.get(key);
    if (known !== undefined) return known;
    if (leftOut.has(key)) return null;
    if (skills.size === maxMeshSkills || !hasRoom(skillFrame + name.length)) {
      leftOut.add(key);
      return null;
    }
    const entry: Gathered = {
      name,
      description: null,
      nodes: [],
      node_count: 0,
      unusable: [],
      unusable_count: 0,
    };
    skills.set(key, entry);
    return entry;
  }

  const present = nodes.filter(({ record }) => record.hiddenAtMs === null);
  for (const node of present.toSorted((a, b) => (a.nameKey < b.nameKey ? -1 : 1))) {
    const who = { id: node.id, name: node.name, status: toNodeStatus(node) };
    const whoLength = nodeFrame + node.name.length;
    const { usable, lacking } = abilitiesOf(node);
    for (const { key, name, description } of usable) {
      const entry = only === null || key === only ? entryOf(key, name) : null;
      if (entry === null) continue;
      entry.node_count += 1;
      if (entry.nodes.length < maxSkillNodes && hasRoom(whoLength)) entry.nodes.push(who);
      if (entry.description === null && description !== null && hasRoom(description.length)) {
        entry.description = description;
      }
    }
    for (const { key, name, description, missing, length } of lacking) {
      const entry = only === null || key === only ? entryOf(key, name) : null;
      if (entry === null) continue;
      entry.unusable_count += 1;
      if (entry.unusable.length < maxSkillNodes && hasRoom(whoLength + length)) {
        entry.unusable.push({ ...who, missing });
      }
      if (entry.description === null && description !== null && hasRoom(description.length)) {
        entry.description = description;
      }
    }
  }
  const sorted = [...skills.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { skills: sorted.map(([, skill]) => skill), left_out: leftOut.size };
}

interface Ability {
  /** The name in lower case. */
  readonly key: string;
  readonly name: string;
  readonly description: string | null;
}

interface Lack extends Ability {
  readonly missing: MeshSkill["unusable"][number]["missing"];
  /** Characters of `missing` in JSON. */
  readonly length: number;
}

interface Abilities {
  readonly usable: readonly Ability[];
  readonly lacking: readonly Lack[];
}

/** By what a node has said: it says something new seldom, and is asked about often. */
const known = new WeakMap<object, Abilities>();

/** Each name once. A node that says neither that it can use a skill nor what it lacks says nothing. */
function abilitiesOf({ capabilities }: MeshNode): Abilities {
  const kept = known.get(capabilities);
  if (kept !== undefined) return kept;
  const { tags, skills, skill_details: details = [] } = capabilities;
  const descriptions = new Map(details.map(({ name, description }) => [name.toLowerCase(), description]));
  const usable = new Map(
    [...skills, ...tags].map((name) => {
      const key = name.toLowerCase();
      return [key, { key, name, description: descriptions.get(key) ?? null }];
    }),
  );
  const lacking = new Map<string, Lack>();
  for (const { name, description, missing } of details) {
    const key = name.toLowerCase();
    if (missing.length === 0 || usable.has(key) || lacking.has(key)) continue;
    const length = missing.reduce((sum, text) => sum + text.length + 3, 16);
    lacking.set(key, { key, name, description, missing, length });
  }
  const abilities = { usable: [...usable.values()], lacking: [...lacking.values()] };
  known.set(capabilities, abilities);
  return abilities;
}
