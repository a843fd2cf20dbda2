import type { RuntimeKind } from "../../protocol/capability.ts";
import { isRuntimeReady, meetsNeeds, type NodeNeeds } from "./capable.ts";
import type { MeshIndex, Place } from "./mesh-index.ts";

/** Tiers of nodes that a scope leaves out. */
export const notCapable = -1;
export const notTarget = -2;
export const runtimeNotReady = -3;

/** Which nodes a rule, or the target of a message, allows; computed once per revision of the mesh. */
export interface Scope {
  /** By position: 0 for the first target of a chain, 1 for the next …, or why the node is left out. */
  readonly tiers: Int16Array;
  /** The places that are in. */
  readonly members: readonly Place[];
  /** Which of a node's runtimes it leads to; null: whichever the node takes. */
  readonly runtime: RuntimeKind | null;
}

/** A node that several targets name belongs to the first of them. `targets` null: any node. */
export function createScope(
  index: MeshIndex,
  targets: readonly string[] | null,
  needs: NodeNeeds | null,
): Scope {
  const tiers = new Int16Array(index.places.length).fill(targets === null ? 0 : notTarget);
  targets?.forEach((target, tier) => {
    for (const { position } of index.resolve(target)) {
      if (tiers[position] === notTarget) tiers[position] = tier;
    }
  });
  if (needs !== null) {
    for (const { node, position } of index.places) {
      if (!meetsNeeds(node, needs, index.isGroupMember)) tiers[position] = notCapable;
      else if ((tiers[position] ?? notTarget) >= 0 && !isRuntimeReady(node, needs)) {
        tiers[position] = runtimeNotReady;
      }
    }
  }
  const members = index.places.filter(({ position }) => (tiers[position] ?? notTarget) >= 0);
  return { tiers, members, runtime: needs?.runtime ?? null };
}

/** The nodes of the first that are in the second, too; null: any node is. */
export function narrowScope(scope: Scope, by: Scope | null): Scope {
  if (by === null) return scope;
  const isIn = (position: number) => (by.tiers[position] ?? notTarget) >= 0;
  return {
    tiers: scope.tiers.map((tier, position) => (isIn(position) ? tier : notTarget)),
    members: scope.members.filter(({ position }) => isIn(position)),
    runtime: scope.runtime ?? by.runtime,
  };
}
