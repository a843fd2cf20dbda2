import { groupNamesOf, type NodeView } from "../../domain/routing/index.ts";
import { createTurns } from "../../platform/turns.ts";
import type { Name } from "../../protocol/capability.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { NodeId } from "../../protocol/ids.ts";
import type { Group, GroupInput } from "../../protocol/rule.ts";
import type { GroupStore } from "../../store/rules.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";

/** The groups of the mesh: those of the configuration file, read-only, and those made through the API. */
export interface Groups {
  readonly list: () => readonly Group[];
  readonly revision: () => number;
  readonly has: (name: string) => boolean;
  /** Names of the groups a node is in. */
  readonly of: (node: NodeView) => readonly string[];
  /** Throws GROUP_READ_ONLY or NAME_TAKEN. */
  readonly put: (name: string, group: GroupInput) => Promise<Group>;
  /** Lists a node in a group, unless it is there. Throws GROUP_READ_ONLY or GROUP_NOT_FOUND. */
  readonly addNode: (name: string, nodeId: NodeId) => Promise<void>;
  /** Throws GROUP_READ_ONLY or GROUP_NOT_FOUND. */
  readonly remove: (name: string) => Promise<void>;
}

interface GroupsOptions {
  readonly store: GroupStore;
  readonly configured: Readonly<Record<string, GroupInput>>;
  readonly isNodeName: (name: string) => boolean;
  readonly events: MeshEventEmitter;
}

export async function createGroups({
  store,
  configured,
  isNodeName,
  events,
}: GroupsOptions): Promise<Groups> {
  const byKey = new Map<string, Group>();
  for (const { name, ...group } of await store.list())
    byKey.set(name.toLowerCase(), toGroup(name, group, "api"));
  for (const [name, group] of Object.entries(configured)) {
    if (isNodeName(name)) {
      throw new MeshError("NAME_TAKEN", `Group ${name} of the configuration file has the name of a node.`, {
        hint: `Name the group otherwise, or remove the node: claw-mesh node remove ${name}`,
      });
    }
    byKey.set(name.toLowerCase(), toGroup(name, group, "config"));
  }
  const sorted = () => [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
  let list = sorted();
  let revision = 0;

  function changed(name: string): void {
    list = sorted();
    revision += 1;
    events.emit("groups.changed", { name });
  }

  function assertWritable(name: string): void {
    if (byKey.get(name.toLowerCase())?.origin === "config") {
      throw new MeshError("GROUP_READ_ONLY", `Group ${name} comes from the configuration file.`);
    }
  }

  /** Nodes that join at the same moment would else undo each other's entry. */
  const { inTurn } = createTurns();

  async function keep(name: string, group: GroupInput): Promise<Group> {
    await store.put(name, group);
    const made = toGroup(name, group, "api");
    byKey.set(name.toLowerCase(), made);
    changed(name);
    return made;
  }

  return {
    list: () => list,
    revision: () => revision,
    has: (name) => byKey.has(name.toLowerCase()),
    of: (node) => groupNamesOf(node, list),
    put: (name, group) =>
      inTurn(async () => {
        assertWritable(name);
        if (isNodeName(name)) throw new MeshError("NAME_TAKEN", `A node is called "${name}" already.`);
        return keep(name, group);
      }),
    addNode: (name, nodeId) =>
      inTurn(async () => {
        assertWritable(name);
        const group = byKey.get(name.toLowerCase());
        if (group === undefined) throw new MeshError("GROUP_NOT_FOUND", `There is no group "${name}".`);
        if (group.nodes.includes(nodeId)) return;
        const { match } = group;
        await keep(group.name, {
          nodes: [...group.nodes, nodeId],
          ...(match === undefined ? {} : { match }),
        });
      }),
    remove: (name) =>
      inTurn(async () => {
        assertWritable(name);
        if (!(await store.remove(name)))
          throw new MeshError("GROUP_NOT_FOUND", `There is no group "${name}".`);
        byKey.delete(name.toLowerCase());
        changed(name);
      }),
  };
}

function toGroup(name: string, group: GroupInput, origin: Group["origin"]): Group {
  return { name: name as Name, origin, nodes: group.nodes ?? [], match: group.match };
}
