import { sessionGraceMs } from "../../domain/routing/index.ts";
import type { Clock } from "../../platform/clock.ts";
import type { NodeId } from "../../protocol/ids.ts";
import type { NodeRecord } from "../../store/nodes.ts";
import { MeshNode } from "./mesh-node.ts";

/** Finds nodes, and who was one. */
export interface NodeLookup {
  /**
   * Nodes that are part of the mesh, online or not; the router's snapshot reads this array in place. One that said goodbye
   * stays for {@link sessionGraceMs}: its agent may only be restarting, and its conversations wait for it that long.
   */
  readonly nodes: readonly MeshNode[];
  /** Changes whenever anything but load does. */
  readonly revision: () => number;
  /** By id, else by name without case. Hidden nodes are not found. */
  readonly find: (idOrName: string) => MeshNode | null;
  /** Also one that has left, so that its token can be made void. Removed ones are not found. */
  readonly findKnown: (idOrName: string) => MeshNode | null;
  readonly findByTokenHash: (tokenHash: string) => NodeId | null;
  /** It was the token of a node that an operator removed: whoever shows it does not guess. */
  readonly isTokenOfRemoved: (tokenHash: string) => boolean;
  readonly isNameTaken: (name: string) => boolean;
}

/** All nodes that ever were part of the mesh, each to be found by its id, its name and its token. */
export interface KnownNodes extends NodeLookup {
  /** Hidden and removed ones too. */
  readonly ofId: (id: NodeId) => MeshNode | null;
  /** The one that has this name now. */
  readonly named: (name: string) => MeshNode | null;
  /** The one that said goodbye under this name, and may come back. */
  readonly leftNamed: (name: string) => MeshNode | null;
  /** Nodes whose token is good: all but the removed ones. */
  readonly count: () => number;
  /** A node of a former process. */
  readonly restore: (record: NodeRecord) => void;
  /** Makes a record the present one of its node, with all that follows from its name, its token, and whether it has left. */
  readonly update: (node: MeshNode, record: NodeRecord) => void;
  /** Something changed that routing looks at. */
  readonly bumpRevision: () => void;
}

export function createKnownNodes(clock: Clock): KnownNodes {
  const byId = new Map<NodeId, MeshNode>();
  const byName = new Map<string, MeshNode>();
  const byTokenHash = new Map<string, NodeId>();
  const removedTokens = new Set<string>();
  /** Those that have said goodbye and may come back, by their names. */
  const leftByName = new Map<string, MeshNode>();
  const nodes: MeshNode[] = [];
  let revision = 1;

  function forgetLeft(node: MeshNode, nameKey: string): void {
    if (leftByName.get(nameKey) === node) leftByName.delete(nameKey);
  }

  function keepToken({ id, tokenHash, isRemoved }: NodeRecord): void {
    if (isRemoved) {
      byTokenHash.delete(tokenHash);
      removedTokens.add(tokenHash);
    } else byTokenHash.set(tokenHash, id);
  }

  function show(node: MeshNode): void {
    forgetLeft(node, node.nameKey);
    if (byName.get(node.nameKey) !== node) byName.set(node.nameKey, node);
    if (!nodes.includes(node)) nodes.push(node);
  }

  function unshow(node: MeshNode): void {
    if (byName.get(node.nameKey) === node) byName.delete(node.nameKey);
    node.isReady = false;
    node.reason = "it left the mesh";
    if (node.record.isRemoved) forgetLeft(node, node.nameKey);
    else leftByName.set(node.nameKey, node);
    if (node.record.isRemoved) drop(node);
    else clock.after(sessionGraceMs, () => node.record.hiddenAtMs !== null && drop(node), { unref: true });
  }

  function drop(node: MeshNode): void {
    const at = nodes.indexOf(node);
    if (at < 0) return;
    nodes.splice(at, 1);
    revision += 1;
  }

  function restore(record: NodeRecord): void {
    const node = new MeshNode(record);
    // Nobody watched it while the coordinator was down: the time that it may be away for begins now.
    node.missedSinceMs = clock.monotonicMs();
    byId.set(node.id, node);
    keepToken(record);
    if (record.hiddenAtMs === null) show(node);
    else if (!record.isRemoved) leftByName.set(node.nameKey, node);
  }

  function update(node: MeshNode, record: NodeRecord): void {
    const { nameKey, record: before } = node;
    if (byName.get(nameKey) === node) byName.delete(nameKey);
    forgetLeft(node, nameKey);
    node.setRecord(record);
    byId.set(node.id, node);
    if (before.tokenHash !== record.tokenHash) byTokenHash.delete(before.tokenHash);
    keepToken(record);
    if (record.hiddenAtMs === null) show(node);
    else unshow(node);
    revision += 1;
  }

  function find(idOrName: string): MeshNode | null {
    const byItsId = byId.get(idOrName as NodeId);
    if (byItsId !== undefined && byItsId.record.hiddenAtMs === null) return byItsId;
    return byName.get(idOrName.toLowerCase()) ?? null;
  }

  function findKnown(idOrName: string): MeshNode | null {
    const key = idOrName.toLowerCase();
    const left = [...byId.values()].filter(({ record }) => record.hiddenAtMs !== null && !record.isRemoved);
    return find(idOrName) ?? left.find(({ id, nameKey }) => id === idOrName || nameKey === key) ?? null;
  }

  return {
    nodes,
    revision: () => revision,
    find,
    findKnown,
    findByTokenHash: (tokenHash) => byTokenHash.get(tokenHash) ?? null,
    isTokenOfRemoved: (tokenHash) => removedTokens.has(tokenHash),
    isNameTaken: (name) => byName.has(name.toLowerCase()),
    ofId: (id) => byId.get(id) ?? null,
    named: (name) => byName.get(name.toLowerCase()) ?? null,
    leftNamed: (name) => leftByName.get(name.toLowerCase()) ?? null,
    count: () => byTokenHash.size,
    restore,
    update,
    bumpRevision: () => {
      revision += 1;
    },
  };
}
