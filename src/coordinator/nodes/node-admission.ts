import type { Clock } from "../../platform/clock.ts";
import { sha256Hex } from "../../platform/hash.ts";
import { createSecret, type Ids } from "../../platform/ids.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { NodeId } from "../../protocol/ids.ts";
import type { HelloFrame } from "../../protocol/link/v1/frames.ts";
import { Secret } from "../../protocol/secret.ts";
import { nodeTokenPrefix } from "../../protocol/token-prefix.ts";
import type { NodeRecord } from "../../store/nodes.ts";
import { assertNotRevoked, type Principal } from "../auth/principal.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";
import type { KnownNodes } from "./known-nodes.ts";
import { MeshNode } from "./mesh-node.ts";
import type { NodePlaces } from "./node-places.ts";
import type { RecordKeeping } from "./record-keeping.ts";

/** A node that was let in. */
export interface Admission {
  readonly node: MeshNode;
  /** The node's new token, when it needs one. */
  readonly token: Secret | null;
  readonly isReturning: boolean;
}

/** What a node with a direct endpoint registers with beside its `hello`. */
export interface DirectPlace {
  /** `host:port` */
  readonly endpoint: string;
  /** Whose place it takes; null: nobody's. */
  readonly holder: MeshNode | null;
  /** Of a node that is made with an invite; left out: it has none. */
  readonly invitedId?: NodeId;
}

/** The one place that an invite is good for. */
export interface InvitedPlace {
  readonly invitedId: NodeId;
}

/** Lets nodes into the mesh. */
export interface NodeAdmission {
  /**
   * Decides who a dialing node is, and records it. `place` left out: as its token says. Throws NAME_TAKEN, SCOPE_MISSING,
   * TOKEN_INVALID, INVITE_INVALID, MESH_FULL or STORE_UNAVAILABLE.
   */
  readonly admit: (
    hello: HelloFrame,
    principal: Principal,
    place?: DirectPlace | InvitedPlace,
  ) => Promise<Admission>;
}

/** Nodes that a coordinator knows at most, those among them that have left; removed ones do not count. */
export const maxKnownNodes = 20_000;

interface ToldPlace {
  readonly direct: DirectPlace | undefined;
  readonly invitedId: NodeId | undefined;
}

interface AdmissionOptions {
  readonly known: KnownNodes;
  readonly places: NodePlaces;
  readonly records: RecordKeeping;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly events: MeshEventEmitter;
  readonly maxNodes: number;
}

export function createNodeAdmission(options: AdmissionOptions): NodeAdmission {
  const { known, places, records, clock, ids, events, maxNodes } = options;
  /** The newest join with the use of an invite that has one on its way: the next one is of the node that it makes. */
  const joining = new Map<NodeId, Promise<unknown>>();

  async function admitInvited(id: NodeId, admitIt: () => Promise<Admission>): Promise<Admission> {
    // Whoever comes first has its failure.
    const admitted = Promise.allSettled([joining.get(id)]).then(admitIt);
    joining.set(id, admitted);
    try {
      return await admitted;
    } finally {
      if (joining.get(id) === admitted) joining.delete(id);
    }
  }

  function holderOf(
    hello: HelloFrame,
    principal: Principal,
    { direct, invitedId }: ToldPlace,
  ): MeshNode | null {
    const transport = direct === undefined ? "link" : "direct";
    const made = invitedId === undefined ? null : places.madeWith(invitedId, hello.name, transport);
    if (direct !== undefined) return direct.holder ?? made;
    return invitedId === undefined ? places.holderOf(hello, principal) : made;
  }

  async function admitNow(hello: HelloFrame, principal: Principal, place: ToldPlace): Promise<Admission> {
    const { direct, invitedId } = place;
    const existing = holderOf(hello, principal, place);
    assertOwnName(existing, hello, principal);
    places.assertNameFree(hello.name, existing?.id ?? null, principal.scopes.has("admin"));
    if (existing === null && known.count() >= maxNodes) {
      throw new MeshError("MESH_FULL", `This mesh knows ${maxNodes} nodes already.`);
    }
    const token = tokenFor(existing, principal, direct);
    const entry: Entry = {
      hello,
      token,
      direct,
      nowMs: clock.nowMs(),
      isSameAgent: existing?.instance === hello.instance,
    };
    const node = existing ?? new MeshNode(newRecord(invitedId ?? ids.node(), entry));
    await records.save(node, (present) => {
      // Whoever has become void while it was found out who dials lets nobody in any more.
      assertNotRevoked(principal);
      if (existing === null) return present;
      // Removed after it was asked who dials: its token opens nothing any more.
      if (present.isRemoved) throw new MeshError("TOKEN_INVALID", "This node was removed from the mesh.");
      return renewedRecord(present, entry);
    });
    node.instance = hello.instance;
    events.emit("node.registered", { nodeId: node.id, name: node.name, isReturning: existing !== null });
    return { node, token, isReturning: existing !== null };
  }

  return {
    admit: (hello, principal, place) => {
      const direct = place !== undefined && "endpoint" in place ? place : undefined;
      const invitedId = place?.invitedId;
      const admitIt = () => admitNow(hello, principal, { direct, invitedId });
      return invitedId === undefined ? admitIt() : admitInvited(invitedId, admitIt);
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

/** What a node that is let in brings with it. */
interface Entry {
  readonly hello: HelloFrame;
  /** null: it keeps the one it has. */
  readonly token: Secret | null;
  readonly direct: DirectPlace | undefined;
  readonly nowMs: number;
  /** The agent process that was here before is the one that comes. */
  readonly isSameAgent: boolean;
}

function newRecord(id: NodeId, entry: Entry): NodeRecord {
  return {
    id,
    addedTags: [],
    removedTags: [],
    scheduling: "active",
    weight: 1,
    tokenHash: "",
    joinedAtMs: entry.nowMs,
    ...broughtWith(entry),
  };
}

/** What an operator said of the node stays. A drain ends with the agent process that it was meant for. */
function renewedRecord(before: NodeRecord, entry: Entry): NodeRecord {
  const goesOnDraining = entry.hello.draining === true || entry.isSameAgent;
  const isDrainOver = before.scheduling === "draining" && (before.hiddenAtMs !== null || !goesOnDraining);
  return { ...before, scheduling: isDrainOver ? "active" : before.scheduling, ...broughtWith(entry) };
}

function broughtWith({ hello, token, direct, nowMs }: Entry) {
  return {
    name: hello.name,
    capabilities: hello.capabilities,
    ...(token === null ? {} : { tokenHash: sha256Hex(token.reveal()) }),
    transport: direct === undefined ? "link" : "direct",
    endpoint: direct?.endpoint ?? null,
    directToken: direct === undefined ? null : token,
    version: hello.software,
    lastSeenAtMs: nowMs,
    hiddenAtMs: null,
    isRemoved: false,
  } as const;
}
