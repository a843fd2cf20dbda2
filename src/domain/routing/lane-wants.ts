import { toGroupKeys } from "./allowed-nodes.ts";
import { slotNeed } from "./candidates.ts";
import { meetsNeeds, type NodeNeeds } from "./capable.ts";
import type { CompiledRule } from "./compile-rules.ts";
import type { MeshIndex } from "./mesh-index.ts";
import type { NodeView } from "./mesh-snapshot.ts";
import type { RouteDecision } from "./route-decision.ts";
import type { SlotNeed } from "./slot-need.ts";

/** What messages that wait for the same ask of a node, as far as that can be told of one node alone. */
export interface LaneWants {
  readonly declared: NodeNeeds | null;
  /** In lower case; null: the sender named none. */
  readonly target: string | null;
  /** Keys of the groups whose nodes the sender may use; null: all nodes. */
  readonly allowedGroups: readonly string[] | null;
  /** Rules that lead to nodes, of which one has to; null: any node may serve. */
  readonly rules: readonly CompiledRule[] | null;
  readonly slot: SlotNeed;
}

export function toLaneWants({ rule, isParked, evidence }: RouteDecision): LaneWants {
  const { message, question, passedOver } = evidence;
  return {
    declared: question.declared,
    target: message.target?.toLowerCase() ?? null,
    allowedGroups: message.allowedGroups === null ? null : toGroupKeys(message.allowedGroups),
    rules: isParked && rule !== null ? [...passedOver, rule] : null,
    slot: slotNeed(question),
  };
}

/** Whether a node could be one of those that are asked for. A cheap test that errs on the side of yes. */
export function mayServe(node: NodeView, wants: LaneWants, index: MeshIndex): boolean {
  const { declared, target, allowedGroups, rules } = wants;
  if (allowedGroups?.some((key) => index.isGroupMember(key, node)) === false) return false;
  if (declared !== null && !meetsNeeds(node, declared, index.isGroupMember)) return false;
  if (target !== null && !isMeant(node, target, index)) return false;
  return rules === null || rules.some((rule) => leadsTo(rule, node, index));
}

function leadsTo({ needs, targets }: CompiledRule, node: NodeView, index: MeshIndex): boolean {
  if (needs !== null && !meetsNeeds(node, needs, index.isGroupMember)) return false;
  return targets === null || targets.some((target) => isMeant(node, target.toLowerCase(), index));
}

function isMeant(node: NodeView, targetKey: string, index: MeshIndex): boolean {
  return node.nameKey === targetKey || node.id === targetKey || index.isGroupMember(targetKey, node);
}
