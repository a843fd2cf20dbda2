import { sessionGraceMs } from "../../domain/routing/index.ts";
import type { Clock } from "../../platform/clock.ts";
import { sha256Hex } from "../../platform/hash.ts";
import { createSecret, type Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import type { Capabilities } from "../../protocol/capability.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { NodeId } from "../../protocol/ids.ts";
import type { HelloFrame, StatusFrame } from "../../protocol/link/v1/frames.ts";
import { defaultDrainDeadlineS, type NodePatch, type RuntimeStatus } from "../../protocol/node.ts";
import { Secret } from "../../protocol/secret.ts";
import { nodeTokenPrefix } from "../../protocol/token-prefix.ts";
import type { NodeRecord, NodeStore } from "../../store/nodes.ts";
import { StoreClosedError } from "../../store/store-closed.ts";
import type { Principal } from "../auth/principal.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";
import { type BreakerView, type LinkToNode, MeshNode } from "./mesh-node.ts";

/** A node that was let in. */
interface Admission {
  readonly node: MeshNode;
  /** The node's new token, when it needs one. */
  readonly token: Secret | null;
  readonly isReturning: boolean;
}

/** What a node with a direct endpoint registers with beside its `hello`. */
interface DirectPlace {
  /** `host:port` */
  readonly endpoint: string;
  /** Whose place it takes; null: nobody's. */
  readonly holder: MeshNode | null;
}

/** What a direct node has let the coordinator know of its state. */
interface NodeSigns {
  readonly runtimes: readonly RuntimeStatus[];
  readonly slots: number;
  /** Runs of others, as far as it tells. */
  readonly foreignRuns?: number;
}

/** All nodes of the mesh, their identity and their present state. */
export interface NodeRegistry {
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
  /** The coordinator has only just started, and this node, which it knows, is probably on its way back. */
  readonly isExpected: (nodeId: NodeId) => boolean;
  /**
   * The node whose place a dialing agent may take: its token's, the one an admin names, the one of this name that this
   * very agent process made before, when the answer to that was lost, or for an admin one of this name that was called at
   * a direct endpoint. null: none.
   */
  readonly holderOf: (hello: HelloFrame, principal: Principal) => MeshNode | null;
  /**
   * Decides who a dialing node is, and records it. Throws NAME_TAKEN, SCOPE_MISSING, TOKEN_INVALID, MESH_FULL or
   * STORE_UNAVAILABLE.
   */
  readonly admit: (hello: HelloFrame, principal: Principal, direct?: DirectPlace) => Promise<Admission>;
  /**
   * Throws NAME_TAKEN when another node than `own`, or a group, has the name. `mayTakeLeft`: the name of a node that has
   * left, and may come back, counts as free (default: not); else its messages could be had by whoever joins while it
   * restarts.
   */
  readonly assertNameFree: (name: string, own: NodeId | null, mayTakeLeft?: boolean) => void;
  readonly setOnline: (node: MeshNode, link: LinkToNode, hello: HelloFrame) => void;
  readonly setOffline: (node: MeshNode, reason: string) => void;
  readonly setStatus: (node: MeshNode, status: StatusFrame) => void;
  /** A sign of life without a status. */
  readonly setSeen: (node: MeshNode, signs: NodeSigns) => void;
  /** Takes over what is new of it, one change in {@link capabilityGapMs} at most: of more the newest counts. */
  readonly setCapabilities: (node: MeshNode, capabilities: Capabilities) => Promise<void>;
  /** The node cannot take work for this reason until its next status. */
  readonly setNotReady: (node: MeshNode, reason: string) => void;
  readonly patch: (node: MeshNode, patch: NodePatch) => Promise<void>;
  /** Takes it out of the mesh; `isRemoved`: an operator did, and its token is void. */
  readonly hide: (node: MeshNode, isRemoved: boolean) => Promise<void>;
  /** `isNews`: it may take work again, or what is shown of it has changed. */
  readonly setBreakers: (node: MeshNode, view: BreakerView, isNews: boolean) => void;
  readonly reserve: (node: MeshNode) => void;
  /** `isRefused`: the node did not take what the slot was for. */
  readonly release: (node: MeshNode, isRefused: boolean) => void;
}

/** How often it is stored that a linked node is there: after a crash that is the time since when it is away. */
export const keepSeenEveryMs = 60_000;

/** Nodes that a coordinator knows at most, those among them that have left; removed ones do not count. */
export const maxKnownNodes = 20_000;

/** Least time between two changes of one node's capabilities: each is written to the disk, and routing is derived anew. */
export const capabilityGapMs = 1_000;

/** How long after its start a coordinator waits for the nodes it knows, before it says that none fits. */
export const gatheringMs = 5_000;

interface RegistryOptions {
  readonly store: NodeStore;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly events: MeshEventEmitter;
  readonly isGroupName: (name: string) => boolean;
  readonly log: Log;
  /** Lower limit for tests. */
  readonly maxNodes?: number;
}

export async function createNodeRegistry(options: RegistryOptions): Promise<NodeRegistry> {
  const { store, clock, events, log } = options;
  const byId = new Map<NodeId, MeshNode>();
  const byName = new Map<string, MeshNode>();
  const byTokenHash = new Map<string, NodeId>();
  const removedTokens = new Set<string>();
  const maxNodes = options.maxNodes ?? maxKnownNodes;
  /** Those that have said goodbye and may come back, by their names. */
  const leftByName = new Map<string, MeshNode>();
  const nodes: MeshNode[] = [];
  /** Nodes of a former process that have not been here since. */
  const expected = new Set<NodeId>();
  const gatheredAtMs = clock.monotonicMs() + gatheringMs;
  let revision = 1;

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

  function forgetLeft(node: MeshNode, nameKey: string): void {
    if (leftByName.get(nameKey) === node) leftByName.delete(nameKey);
  }

  function drop(node: MeshNode): void {
    const at = nodes.indexOf(node);
    if (at < 0) return;
    nodes.splice(at, 1);
    revision += 1;
  }

  function changed(node: MeshNode): void {
    revision += 1;
    events.emit("node.changed", { nodeId: node.id, name: node.name });
  }

  /** The newest change of each node that has one on its way. */
  const changing = new Map<NodeId, Promise<void>>();

  /**
   * Stores a changed record, then makes it the present one. The changes of one node follow one another, and each is made
   * of what the one before it left: otherwise two at a time would undo each other.
   */
  async function save(
    node: MeshNode,
    change: (present: NodeRecord) => NodeRecord,
    keepIt: typeof keep = keep,
  ): Promise<void> {
    const before = changing.get(node.id) ?? Promise.resolve();
    // Whoever asked for the change before has its failure.
    const saved = Promise.allSettled([before]).then(() => keepIt(node, change(node.record)));
    changing.set(node.id, saved);
    try {
      await saved;
    } finally {
      if (changing.get(node.id) === saved) changing.delete(node.id);
    }
  }

  /** When the stored time that it was last seen is from. */
  const seenOnRecord = new WeakMap<MeshNode, number>();

  /** A sign of life. Routing looks at nothing of it, so that nothing is derived anew. */
  function see(node: MeshNode): void {
    const nowMs = clock.nowMs();
    node.record = { ...node.record, lastSeenAtMs: nowMs };
    if (nowMs - (seenOnRecord.get(node) ?? 0) < keepSeenEveryMs) return;
    seenOnRecord.set(node, nowMs);
    const keepSeen: typeof keep = async (_, record) => store.save(record);
    save(node, (present) => ({ ...present, lastSeenAtMs: nowMs }), keepSeen).catch((error: unknown) => {
      if (error instanceof StoreClosedError) return;
      log.warn("when a node was last seen was not stored", { node: node.id, error });
    });
  }

  async function keep(node: MeshNode, record: NodeRecord): Promise<void> {
    await store.save(record);
    seenOnRecord.set(node, record.lastSeenAtMs);
    const { tokenHash, nameKey } = { tokenHash: node.record.tokenHash, nameKey: node.nameKey };
    if (byName.get(nameKey) === node) byName.delete(nameKey);
    forgetLeft(node, nameKey);
    node.setRecord(record);
    if (tokenHash !== record.tokenHash) byTokenHash.delete(tokenHash);
    if (record.isRemoved) {
      byTokenHash.delete(record.tokenHash);
      removedTokens.add(record.tokenHash);
    } else byTokenHash.set(record.tokenHash, record.id);
    if (record.hiddenAtMs === null) show(node);
    else unshow(node);
    revision += 1;
  }

  for (const record of await store.list()) {
    const node = new MeshNode(record);
    // Nobody watched it while the coordinator was down: the time that it may be away for begins now.
    node.missedSinceMs = clock.nowMs();
    byId.set(node.id, node);
    if (record.isRemoved) removedTokens.add(record.tokenHash);
    else byTokenHash.set(record.tokenHash, record.id);
    if (record.hiddenAtMs !== null) {
      if (!record.isRemoved) leftByName.set(node.nameKey, node);
      continue;
    }
    show(node);
    expected.add(node.id);
  }

  function assertNameFree(name: string, own: NodeId | null, mayTakeLeft = false): void {
    const key = name.toLowerCase();
    const holder = byName.get(key) ?? (mayTakeLeft ? undefined : leftByName.get(key));
    if (holder !== undefined && holder.id !== own) {
      throw new MeshError("NAME_TAKEN", `Another node is called "${holder.name}" already.`, {
        hint: `Join with another --name, or remove the other node first: claw-mesh node remove ${holder.name}`,
      });
    }
    if (options.isGroupName(name)) {
      throw new MeshError("NAME_TAKEN", `A group is called "${name}" already.`);
    }
  }

  function holderOf(hello: HelloFrame, principal: Principal): MeshNode | null {
    const claimedId = principal.nodeId ?? (principal.scopes.has("admin") ? hello.node_id : undefined);
    const unclaimed = () => madeByInstance(hello) ?? directOf(hello, principal);
    const node = claimedId === undefined ? unclaimed() : byId.get(claimedId);
    return node === undefined || node.record.isRemoved ? null : node;
  }

  function madeByInstance({ name, instance }: HelloFrame): MeshNode | undefined {
    const node = byName.get(name.toLowerCase());
    return node?.instance === instance ? node : undefined;
  }

  /** A machine that had a direct endpoint and now dials, as after its update: it has nothing but its name to show. */
  function directOf({ name }: HelloFrame, { scopes }: Principal): MeshNode | undefined {
    const node = byName.get(name.toLowerCase());
    return scopes.has("admin") && node?.record.transport === "direct" ? node : undefined;
  }

  async function admit(hello: HelloFrame, principal: Principal, direct?: DirectPlace): Promise<Admission> {
    const existing = direct === undefined ? holderOf(hello, principal) : direct.holder;
    assertOwnName(existing, hello, principal);
    assertNameFree(hello.name, existing?.id ?? null, principal.scopes.has("admin"));
    if (existing === null && byTokenHash.size >= maxNodes) {
      throw new MeshError("MESH_FULL", `This mesh knows ${maxNodes} nodes already.`);
    }
    const nowMs = clock.nowMs();
    const token = tokenFor(existing, principal, direct);
    // A drain ends with the agent process that it was meant for.
    const goesOnDraining = hello.draining === true || existing?.instance === hello.instance;
    const isDrainOver = ({ scheduling, hiddenAtMs }: NodeRecord) =>
      scheduling === "draining" && (hiddenAtMs !== null || !goesOnDraining);
    const toRecord = (before: NodeRecord | null): NodeRecord => ({
      id: before?.id ?? options.ids.node(),
      name: hello.name,
      capabilities: hello.capabilities,
      addedTags: before?.addedTags ?? [],
      removedTags: before?.removedTags ?? [],
      scheduling: before === null || isDrainOver(before) ? "active" : before.scheduling,
      weight: before?.weight ?? 1,
      tokenHash: token === null ? (before?.tokenHash ?? "") : sha256Hex(token.reveal()),
      transport: direct === undefined ? "link" : "direct",
      endpoint: direct?.endpoint ?? null,
      directToken: direct === undefined ? null : token,
      version: hello.software,
      joinedAtMs: before?.joinedAtMs ?? nowMs,
      lastSeenAtMs: nowMs,
      hiddenAtMs: null,
      isRemoved: false,
    });
    const node = existing ?? new MeshNode(toRecord(null));
    await save(node, (present) => {
      if (existing === null) return present;
      // Removed after it was asked who dials: its token opens nothing any more.
      if (present.isRemoved) throw new MeshError("TOKEN_INVALID", "This node was removed from the mesh.");
      return toRecord(present);
    });
    byId.set(node.id, node);
    node.instance = hello.instance;
    events.emit("node.registered", { nodeId: node.id, name: node.name, isReturning: existing !== null });
    return { node, token, isReturning: existing !== null };
  }

  function find(idOrName: string): MeshNode | null {
    const byItsId = byId.get(idOrName as NodeId);
    if (byItsId !== undefined && byItsId.record.hiddenAtMs === null) return byItsId;
    return byName.get(idOrName.toLowerCase()) ?? null;
  }

  /** Changes of capabilities that came too soon after another, and when the next may be taken. */
  const capabilityTurns = new WeakMap<MeshNode, { nextAtMs: number; waiting: Capabilities | null }>();

  async function setCapabilities(node: MeshNode, capabilities: Capabilities): Promise<void> {
    const nowMs = clock.monotonicMs();
    const turn = capabilityTurns.get(node) ?? { nextAtMs: nowMs, waiting: null };
    capabilityTurns.set(node, turn);
    if (turn.waiting !== null || nowMs < turn.nextAtMs) {
      if (turn.waiting === null) {
        clock.after(turn.nextAtMs - nowMs, () => takeWaiting(node, turn), { unref: true });
      }
      turn.waiting = capabilities;
      return;
    }
    if (JSON.stringify(capabilities) === JSON.stringify(node.record.capabilities)) return;
    turn.nextAtMs = nowMs + capabilityGapMs;
    await save(node, (present) => ({ ...present, capabilities }));
    changed(node);
  }

  function takeWaiting(node: MeshNode, turn: { nextAtMs: number; waiting: Capabilities | null }): void {
    const { waiting } = turn;
    turn.waiting = null;
    turn.nextAtMs = 0;
    if (waiting === null || node.record.hiddenAtMs !== null) return;
    setCapabilities(node, waiting).catch((error: unknown) => {
      if (error instanceof StoreClosedError) return;
      log.warn("capabilities not stored", { node: node.id, error });
    });
  }

  return {
    nodes,
    revision: () => revision,
    find,
    findKnown: (idOrName) => {
      const key = idOrName.toLowerCase();
      const left = [...byId.values()].filter(({ record }) => record.hiddenAtMs !== null && !record.isRemoved);
      return find(idOrName) ?? left.find(({ id, nameKey }) => id === idOrName || nameKey === key) ?? null;
    },
    findByTokenHash: (tokenHash) => byTokenHash.get(tokenHash) ?? null,
    isTokenOfRemoved: (tokenHash) => removedTokens.has(tokenHash),
    holderOf,
    isExpected: (nodeId) => expected.has(nodeId) && clock.monotonicMs() < gatheredAtMs,
    isNameTaken: (name) => byName.has(name.toLowerCase()),
    admit,
    assertNameFree,
    setOnline: (node, link, hello) => {
      expected.delete(node.id);
      node.link = link;
      node.instance = hello.instance;
      node.isOnline = true;
      node.offlineSinceMs = null;
      node.missedSinceMs = null;
      node.sinceMs = clock.nowMs();
      node.slots = hello.slots;
      node.setRuntimes(hello.runtimes);
      revision += 1;
      events.emit("node.online", { nodeId: node.id, name: node.name });
    },
    setOffline: (node, reason) => {
      const nowMs = clock.nowMs();
      node.link = null;
      node.isOnline = false;
      node.offlineSinceMs = nowMs;
      node.missedSinceMs = null;
      node.sinceMs = nowMs;
      node.load = null;
      node.foreignRuns = 0;
      save(node, (present) => ({ ...present, lastSeenAtMs: nowMs })).catch((error: unknown) => {
        // At a stop the links end last; when they did is of no use to the next process.
        if (error instanceof StoreClosedError) return;
        log.warn("the end of a link was not stored", { node: node.id, error });
      });
      revision += 1;
      events.emit("node.offline", { nodeId: node.id, name: node.name, reason });
    },
    setStatus: (node, status) => {
      const wasReady = node.isReady;
      const before = node.slots;
      const runtimeKinds = node.runtimes.map((runtime) => `${runtime.kind}:${runtime.ready}`).join();
      node.slots = status.slots;
      node.setRuntimes(status.runtimes);
      node.setLoad(status.load);
      see(node);
      const isSame =
        wasReady === node.isReady &&
        before === node.slots &&
        runtimeKinds === node.runtimes.map((runtime) => `${runtime.kind}:${runtime.ready}`).join();
      if (!isSame) changed(node);
    },
    setSeen: (node, { runtimes, slots, foreignRuns }) => {
      see(node);
      if (foreignRuns !== undefined) node.foreignRuns = foreignRuns;
      const isSame = slots === node.slots && JSON.stringify(runtimes) === JSON.stringify(node.runtimes);
      if (isSame && node.isReady) return;
      node.slots = slots;
      node.setRuntimes(runtimes);
      changed(node);
    },
    setCapabilities,
    setNotReady: (node, reason) => {
      node.isReady = false;
      node.reason = reason;
      changed(node);
    },
    patch: async (node, patch) => {
      await save(node, (present) => patched(present, patch));
      if (patch.scheduling === "draining") {
        node.drainEndsAtMs = clock.monotonicMs() + (patch.deadline_s ?? defaultDrainDeadlineS) * 1000;
      }
      changed(node);
    },
    hide: async (node, isRemoved) => {
      const address = node.link?.remoteAddress ?? null;
      await save(node, (present) => ({
        ...present,
        hiddenAtMs: clock.nowMs(),
        isRemoved: isRemoved || present.isRemoved,
      }));
      events.emit("node.left", { nodeId: node.id, name: node.name, isRemoved, address });
    },
    setBreakers: (node, { isOpen, breakers, onReserved }, isNews) => {
      node.isBreakerOpen = isOpen;
      node.breakers = breakers;
      node.onReserved = onReserved;
      if (isNews) changed(node);
    },
    reserve: (node) => {
      node.inFlight += 1;
      node.onReserved?.();
    },
    release: (node, isRefused) => {
      node.inFlight = Math.max(0, node.inFlight - 1);
      events.emit("node.freed", { nodeId: node.id, isRefused });
    },
  };
}

/** A node's own token opens that node under its own name: a rule or a message may mean another one by the new name. */
function assertOwnName(existing: MeshNode | null, { name }: HelloFrame, { nodeId }: Principal): void {
  if (existing === null || nodeId === null || existing.nameKey === name.toLowerCase()) return;
  throw new MeshError("SCOPE_MISSING", "A node's token registers that node only, under its own name.", {
    hint: "Join under another name with the admin token or with an invite.",
  });
}

/** The token to tell it; null: it has one. One with a direct endpoint is told in any case, as the coordinator calls it with that. */
function tokenFor(existing: MeshNode | null, principal: Principal, direct?: DirectPlace): Secret | null {
  const isItsOwn = existing !== null && principal.nodeId !== null;
  if (isItsOwn && direct === undefined) return null;
  const known = isItsOwn ? existing.record.directToken : null;
  return known ?? new Secret(nodeTokenPrefix + createSecret());
}

/** An operator's tag edits are kept apart from the node's own tags: adding undoes a removal, and the other way round. */
function patched(record: NodeRecord, patch: NodePatch): NodeRecord {
  const add = patch.add_tags ?? [];
  const remove = patch.remove_tags ?? [];
  const has = (tags: readonly string[], tag: string) =>
    tags.some((other) => other.toLowerCase() === tag.toLowerCase());
  return {
    ...record,
    scheduling: patch.scheduling ?? record.scheduling,
    weight: patch.weight ?? record.weight,
    addedTags: [...record.addedTags.filter((tag) => !has(remove, tag) && !has(add, tag)), ...add],
    removedTags: [...record.removedTags.filter((tag) => !has(add, tag) && !has(remove, tag)), ...remove],
  };
}
