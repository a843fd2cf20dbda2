import type { NodeId } from "../../protocol/ids.ts";
import type { Group } from "../../protocol/rule.ts";
import { hasGpu } from "./capable.ts";
import type { NodeView } from "./mesh-snapshot.ts";

/** The nodes that a group lists by name or id, without case, and those that its match selects. */
export function membersOfGroup(group: Group, nodes: readonly NodeView[]): ReadonlySet<NodeId> {
  const listed = new Set(group.nodes.map((entry) => entry.toLowerCase()));
  const { match } = group;
  const ids = new Set<NodeId>();
  for (const node of nodes) {
    const isMember =
      listed.has(node.nameKey) || listed.has(node.id) || (match !== undefined && fitsMatch(node, match));
    if (isMember) ids.add(node.id);
  }
  return ids;
}

/** Names of the groups a node belongs to. */
export function groupNamesOf(node: NodeView, groups: readonly Group[]): readonly string[] {
  return groups.filter((group) => membersOfGroup(group, [node]).size > 0).map((group) => group.name);
}

/** An empty match selects nobody: it would be everybody by mistake. */
function fitsMatch(node: NodeView, match: NonNullable<Group["match"]>): boolean {
  const { os, arch, gpu, skill, tag, runtime, min_memory_gb: minMemoryGb } = match;
  const hasCriterion = Object.values(match).some((criterion) => criterion !== undefined);
  return (
    hasCriterion &&
    (os === undefined || os === node.capabilities.os) &&
    (arch === undefined || arch === node.capabilities.arch) &&
    (gpu === undefined || gpu === hasGpu(node)) &&
    (skill === undefined || node.abilities.has(skill.toLowerCase())) &&
    (tag === undefined || node.tagKeys.has(tag.toLowerCase())) &&
    (runtime === undefined || node.runtimes.some((entry) => entry.kind === runtime)) &&
    (minMemoryGb === undefined || minMemoryGb <= node.capabilities.memory_gb)
  );
}
