import type { MeshIndex } from "./mesh-index.ts";

/** Which nodes a sender may use, by position: 1 for those it may. */
export type AllowedNodes = Uint8Array;

/** The members of these groups; a group that is not there, or not any more, allows nothing. */
export function createAllowedNodes(index: MeshIndex, groups: readonly string[]): AllowedNodes {
  const keys = toGroupKeys(groups);
  const allowed = new Uint8Array(index.places.length);
  for (const { node, position } of index.places) {
    if (keys.some((key) => index.isGroupMember(key, node))) allowed[position] = 1;
  }
  return allowed;
}

/** Names of groups are compared without case. */
export function toGroupKeys(groups: readonly string[]): readonly string[] {
  return groups.map((group) => group.toLowerCase());
}

/** Whether a limit lets in who is in one of these groups. `limit` null: everybody. */
export function allowsAnyOf(limit: readonly string[] | null, groups: readonly string[]): boolean {
  if (limit === null) return true;
  const keys = toGroupKeys(limit);
  return groups.some((group) => keys.includes(group.toLowerCase()));
}

/** Whether a limit lets nobody in whom the other does not. null: everybody. */
export function isWithinLimit(limit: readonly string[] | null, other: readonly string[] | null): boolean {
  if (other === null) return true;
  const keys = toGroupKeys(other);
  return limit?.every((group) => keys.includes(group.toLowerCase())) ?? false;
}

/**
 * The groups that both allow, so that whoever has a message run again lends it no node of his own, and gets none through
 * it. null: all nodes.
 */
export function bothAllow(
  some: readonly string[] | null,
  others: readonly string[] | null,
): readonly string[] | null {
  if (some === null || others === null) return some ?? others;
  return some.filter((group) => allowsAnyOf(others, [group]));
}
