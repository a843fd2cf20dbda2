import type { z } from "zod";
import {
  type MeshSkill,
  maxMeshSkills,
  maxSkillNodes,
  type skillRoutes,
} from "../../protocol/http/skill-routes.ts";
import { type MeshNode, toNodeStatus } from "./mesh-node.ts";

/** Fields of one skill while they are gathered. */
type Gathered = { -readonly [Key in keyof MeshSkill]: MeshSkill[Key] };

/**
 * What the nodes can do, by name of the skill and without regard to case; written as the first node by name does. Those that
 * are offline count, with their status. Of many nodes the first by name are told.
 */
export function gatherMeshSkills(nodes: readonly MeshNode[]): z.infer<typeof skillRoutes.listSkills.answer> {
  const skills = new Map<string, Gathered>();
  const seen = new Set<string>();

  function entryOf(name: string): Gathered | null {
    const key = name.toLowerCase();
    seen.add(key);
    const known = skills.get(key);
    if (known !== undefined) return known;
    if (skills.size === maxMeshSkills) return null;
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
    const { tags, skills: own, skill_details: details = [] } = node.capabilities;
    const usable = new Map([...own, ...tags].map((name) => [name.toLowerCase(), name]));
    for (const name of usable.values()) {
      const entry = entryOf(name);
      if (entry === null) continue;
      entry.node_count += 1;
      if (entry.nodes.length < maxSkillNodes) entry.nodes.push(who);
    }
    for (const { name, description, missing } of details) {
      const isUsable = usable.has(name.toLowerCase());
      // A node that says neither that it can use it nor what it lacks says nothing.
      const entry = isUsable || missing.length > 0 ? entryOf(name) : null;
      if (entry === null) continue;
      entry.description ??= description;
      if (isUsable) continue;
      usable.set(name.toLowerCase(), name);
      entry.unusable_count += 1;
      if (entry.unusable.length < maxSkillNodes) entry.unusable.push({ ...who, missing });
    }
  }
  const sorted = [...skills.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { skills: sorted.map(([, skill]) => skill), left_out: seen.size - skills.size };
}
