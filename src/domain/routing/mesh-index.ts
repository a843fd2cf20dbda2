import type { NodeId } from "../../protocol/ids.ts";
import type { Group } from "../../protocol/rule.ts";
import type { IsGroupMember } from "./capable.ts";
import { membersOfGroup } from "./groups.ts";
import type { MeshSnapshot, NodeView } from "./mesh-snapshot.ts";
import { hashText } from "./text-hash.ts";

/** A node at its place in the index. */
export interface Place {
  readonly node: NodeView;
  /** Index into {@link MeshIndex.places}: the order by name, then id, which settles every tie. */
  readonly position: number;
  readonly idHash: number;
  /** All of its ready runtimes only echo: no AI would answer. */
  readonly isEchoOnly: boolean;
}

/**
 * What the router derives from a mesh, once per revision. It refers to the node objects of the snapshot, so load read
 * through it is always current.
 */
export interface MeshIndex {
  readonly revision: number;
  readonly groups: readonly Group[];
  /** By name, then id: the order in which nodes were listed never shows. */
  readonly places: readonly Place[];
  readonly placeOf: (id: NodeId) => Place | undefined;
  readonly isGroupMember: IsGroupMember;
  /** The places that a node name, node id or group name stands for, compared without case; none when it is unknown. */
  readonly resolve: (target: string) => readonly Place[];
}

export function createMeshIndex(mesh: MeshSnapshot): MeshIndex {
  const places = [...mesh.nodes].sort(byNameThenId).map(
    (node, position): Place => ({
      node,
      position,
      idHash: hashText(node.id),
      isEchoOnly: isEchoOnly(node),
    }),
  );
  const placesById = new Map(places.map((place) => [place.node.id, place]));
  const members = new Map<string, ReadonlySet<NodeId>>();
  const groupsByKey = new Map(mesh.groups.map((group) => [group.name.toLowerCase(), group]));

  const membersOf = (groupKey: string): ReadonlySet<NodeId> | null => {
    const known = members.get(groupKey);
    if (known !== undefined) return known;
    const group = groupsByKey.get(groupKey);
    if (group === undefined) return null;
    const ids = membersOfGroup(group, mesh.nodes);
    members.set(groupKey, ids);
    return ids;
  };

  return {
    revision: mesh.revision,
    groups: mesh.groups,
    places,
    placeOf: (id) => placesById.get(id),
    isGroupMember: (groupKey, node) => membersOf(groupKey)?.has(node.id) ?? false,
    resolve: (target) => {
      const key = target.toLowerCase();
      const ids = membersOf(key);
      return places.filter(
        ({ node }) => node.nameKey === key || node.id === key || (ids?.has(node.id) ?? false),
      );
    },
  };
}

function byNameThenId(left: NodeView, right: NodeView): number {
  if (left.nameKey !== right.nameKey) return left.nameKey < right.nameKey ? -1 : 1;
  return left.id < right.id ? -1 : left.id > right.id ? 1 : 0;
}

function isEchoOnly({ runtimes }: NodeView): boolean {
  const ready = runtimes.filter((runtime) => runtime.ready);
  return ready.length > 0 && ready.every((runtime) => runtime.kind === "echo");
}
