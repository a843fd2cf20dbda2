import type { Requirements, RuntimeKind } from "../../protocol/capability.ts";
import type { RuleMatch } from "../../protocol/rule.ts";
import type { NodeView } from "./mesh-snapshot.ts";

/** {@link Requirements}, or the `requires_…` of a rule, made ready for comparing. Words are in lower case. */
export interface NodeNeeds {
  readonly gpu: boolean;
  readonly os: string | null;
  readonly arch: string | null;
  /** All of them. */
  readonly abilities: readonly string[];
  /** At least one of them, when there are any. */
  readonly anyAbility: readonly string[];
  readonly tags: readonly string[];
  readonly group: string | null;
  readonly runtime: RuntimeKind | null;
  /** 0: no limit. */
  readonly minMemoryGb: number;
}

/** Tells whether a node belongs to a group; the name is in lower case. An unknown group has no members. */
export type IsGroupMember = (groupKey: string, node: NodeView) => boolean;

/** null when nothing is required, so that the common message costs nothing. */
export function toNodeNeeds(requires: Requirements): NodeNeeds | null {
  for (const _key in requires) {
    return {
      gpu: requires.gpu === true,
      os: requires.os ?? null,
      arch: requires.arch ?? null,
      abilities: toKeys(requires.skills),
      anyAbility: toKeys(requires.any_skill),
      tags: toKeys(requires.tags),
      group: requires.group?.toLowerCase() ?? null,
      runtime: requires.runtime ?? null,
      minMemoryGb: requires.min_memory_gb ?? 0,
    };
  }
  return null;
}

/** The needs of a rule; null when it has none. `requires_gpu: false` says nothing, as in the classic tool. */
export function toRuleNeeds(match: RuleMatch): NodeNeeds | null {
  const skills = [
    ...(match.requires_skills ?? []),
    ...(match.requires_skill === undefined ? [] : [match.requires_skill]),
  ];
  const requires: Requirements = {
    ...(match.requires_gpu === true && { gpu: true as const }),
    ...(match.requires_os !== undefined && { os: match.requires_os }),
    ...(match.requires_arch !== undefined && { arch: match.requires_arch }),
    ...(skills.length > 0 && { skills }),
    ...(match.requires_any_skill !== undefined && { any_skill: match.requires_any_skill }),
    ...(match.requires_tag !== undefined && { tags: [match.requires_tag] }),
    ...(match.requires_group !== undefined && { group: match.requires_group }),
    ...(match.requires_runtime !== undefined && { runtime: match.requires_runtime }),
    ...(match.min_memory_gb !== undefined && { min_memory_gb: match.min_memory_gb }),
  };
  return toNodeNeeds(requires);
}

/** The tag `gpu` counts as having one: the probe does not know every card. */
export function hasGpu(node: NodeView): boolean {
  return node.capabilities.gpu || node.abilities.has("gpu");
}

/** Whether a node has everything. A runtime that is there but not ready counts here. */
export function meetsNeeds(node: NodeView, needs: NodeNeeds, isGroupMember: IsGroupMember): boolean {
  if (needs.gpu && !hasGpu(node)) return false;
  if (needs.os !== null && needs.os !== node.capabilities.os) return false;
  if (needs.arch !== null && needs.arch !== node.capabilities.arch) return false;
  if (needs.minMemoryGb > node.capabilities.memory_gb) return false;
  for (const ability of needs.abilities) if (!node.abilities.has(ability)) return false;
  for (const tag of needs.tags) if (!node.tagKeys.has(tag)) return false;
  if (needs.anyAbility.length > 0 && !needs.anyAbility.some((ability) => node.abilities.has(ability))) {
    return false;
  }
  if (needs.group !== null && !isGroupMember(needs.group, node)) return false;
  return needs.runtime === null || node.runtimes.some((runtime) => runtime.kind === needs.runtime);
}

/** Whether the runtime that is asked for, if any, is ready on a node. */
export function isRuntimeReady(node: NodeView, needs: NodeNeeds): boolean {
  return needs.runtime === null || isKindReady(node, needs.runtime);
}

export function isKindReady({ runtimes }: NodeView, kind: RuntimeKind): boolean {
  return runtimes.some((runtime) => runtime.kind === kind && runtime.ready);
}

/** What a node lacks, in the words of the command line: `os=darwin`. Empty exactly when it meets the needs. */
export function missingNeeds(
  node: NodeView,
  needs: NodeNeeds,
  isGroupMember: IsGroupMember,
): readonly string[] {
  return splitNeeds(needs)
    .filter(({ need }) => !meetsNeeds(node, need, isGroupMember))
    .map(({ text }) => text);
}

/** All needs in the words of the command line. */
export function needTexts(needs: NodeNeeds): readonly string[] {
  return splitNeeds(needs).map(({ text }) => text);
}

const noNeeds: NodeNeeds = {
  gpu: false,
  os: null,
  arch: null,
  abilities: [],
  anyAbility: [],
  tags: [],
  group: null,
  runtime: null,
  minMemoryGb: 0,
};

/** One entry for each single need. */
function splitNeeds(needs: NodeNeeds): readonly { readonly text: string; readonly need: NodeNeeds }[] {
  const single = (text: string, need: Partial<NodeNeeds>) => ({ text, need: { ...noNeeds, ...need } });
  const { os, arch, group, runtime, anyAbility, minMemoryGb } = needs;
  return [
    ...(needs.gpu ? [single("gpu", { gpu: true })] : []),
    ...(os === null ? [] : [single(`os=${os}`, { os })]),
    ...(arch === null ? [] : [single(`arch=${arch}`, { arch })]),
    ...needs.abilities.map((ability) => single(`skill=${ability}`, { abilities: [ability] })),
    ...(anyAbility.length === 0 ? [] : [single(`any-skill=${anyAbility.join("+")}`, { anyAbility })]),
    ...needs.tags.map((tag) => single(`tag=${tag}`, { tags: [tag] })),
    ...(group === null ? [] : [single(`group=${group}`, { group })]),
    ...(runtime === null ? [] : [single(`runtime=${runtime}`, { runtime })]),
    ...(minMemoryGb === 0 ? [] : [single(`memory>=${minMemoryGb}`, { minMemoryGb })]),
  ];
}

function toKeys(words: readonly string[] | undefined): readonly string[] {
  return words === undefined ? [] : words.map((word) => word.toLowerCase());
}
