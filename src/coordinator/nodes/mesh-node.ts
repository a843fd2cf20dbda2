import type { BreakerCause } from "../../domain/nodes/blame.ts";
import type { NodeView } from "../../domain/routing/mesh-snapshot.ts";
import { hasRoom, isDownToEcho, runtimeFor, type SlotNeed } from "../../domain/routing/slot-need.ts";
import type { CoordinatorLink } from "../../link/coordinator-link.ts";
import { toIsoTime } from "../../platform/clock.ts";
import type { Capabilities, RuntimeKind } from "../../protocol/capability.ts";
import type { NodeId } from "../../protocol/ids.ts";
import type { NodeInfo, NodeLoad, NodeStatus, RuntimeStatus, Scheduling } from "../../protocol/node.ts";
import type { NodeRecord } from "../../store/nodes.ts";
import type { Principal } from "../auth/principal.ts";

/** Weight of the newest answer time in the mean. */
const latencyShare = 0.2;

/** One way in which the node has failed too often. */
export interface OpenBreaker {
  readonly cause: BreakerCause;
  /** Epoch; null: it is being tried again, one attempt at a time. */
  readonly openUntilMs: number | null;
}

/** What the circuit breakers of a node come to; coordinator/health/breakers.ts keeps them. */
export interface BreakerView {
  readonly isOpen: boolean;
  readonly breakers: readonly OpenBreaker[];
  readonly onReserved: (() => void) | null;
}

export type LinkToNode = CoordinatorLink<Principal>;

/**
 * One node as the coordinator knows it now: the stored record and what the link said last. The router reads it as a
 * {@link NodeView}; only the registry changes it.
 */
export class MeshNode implements NodeView {
  readonly id: NodeId;
  record: NodeRecord;
  name = "";
  nameKey = "";
  capabilities: Capabilities;
  abilities: ReadonlySet<string> = new Set();
  lacking: ReadonlyMap<string, readonly string[]> = new Map();
  tagKeys: ReadonlySet<string> = new Set();
  runtimes: readonly RuntimeStatus[] = [];
  link: LinkToNode | null = null;
  isOnline = false;
  offlineSinceMs: number | null;
  missedSinceMs: number | null = null;
  sinceMs: number;
  isReady = false;
  reason: string | null = "not linked yet";
  isBreakerOpen = false;
  breakers: readonly OpenBreaker[] = [];
  /** Told whenever a slot is reserved; null: nobody has to know. */
  onReserved: (() => void) | null = null;
  slots = 1;
  inFlight = 0;
  freeRuntimes: ReadonlySet<RuntimeKind> | null = null;
  /** Attempts and reservations by runtime, as far as it is known which one has them. */
  readonly #heldBy = new Map<RuntimeKind, number>();
  foreignRuns = 0;
  /** Some of its attempts wait for their gateway, as of its last status. */
  hasRecovering = false;
  latencyMs = 0;
  load: NodeLoad | null = null;
  instance: string | null = null;
  /** When the time of what runs is over on a node that drains; monotonic. null: not known to this process. */
  drainEndsAtMs: number | null = null;

  constructor(record: NodeRecord) {
    this.id = record.id;
    this.record = record;
    this.capabilities = record.capabilities;
    this.offlineSinceMs = record.lastSeenAtMs;
    this.sinceMs = record.lastSeenAtMs;
    this.setRecord(record);
  }

  /** Why it gets no work: `auth, next try at <time>`; null while it gets some. */
  get breakerDetail(): string | null {
    if (this.breakers.length === 0) return null;
    const causes = this.breakers.map(({ cause }) => cause).join(", ");
    const untilMs = Math.max(...this.breakers.map(({ openUntilMs }) => openUntilMs ?? 0));
    return untilMs === 0
      ? `${causes}, it is being tried with one message`
      : `${causes}, next try at ${toIsoTime(untilMs)}`;
  }

  get scheduling(): Scheduling {
    return this.record.scheduling;
  }

  get weight(): number {
    return this.record.weight;
  }

  /** Takes over a changed record and what follows from it: name, effective tags, abilities. */
  setRecord(record: NodeRecord): void {
    this.record = record;
    this.name = record.name;
    this.nameKey = record.name.toLowerCase();
    const removed = new Set(record.removedTags.map((tag) => tag.toLowerCase()));
    const tags = [...new Set([...record.capabilities.tags, ...record.addedTags])].filter(
      (tag) => !removed.has(tag.toLowerCase()),
    );
    this.capabilities = { ...record.capabilities, tags };
    this.tagKeys = new Set(tags.map((tag) => tag.toLowerCase()));
    this.lacking = new Map(
      (record.capabilities.skill_details ?? [])
        .filter(({ missing }) => missing.length > 0)
        .map(({ name, missing }) => [name.toLowerCase(), missing]),
    );
    this.abilities = new Set([
      ...this.tagKeys,
      ...record.capabilities.skills.map((skill) => skill.toLowerCase()),
    ]);
  }

  /** Takes over what the node says of its runtimes: ready when any of them is. */
  setRuntimes(runtimes: readonly RuntimeStatus[]): void {
    this.runtimes = runtimes;
    this.#findFree();
    this.isReady = runtimes.some((runtime) => runtime.ready);
    const notReady = runtimes.find((runtime) => !runtime.ready);
    this.reason = this.isReady ? null : (notReady?.reason ?? "it has no runtime");
  }

  /** Takes over what the node says of its load; runs that its own attempts do not explain are somebody else's. */
  setLoad(load: NodeLoad): void {
    this.load = load;
    const runs = this.runtimes.reduce((sum, { active, queued }) => sum + (active ?? 0) + (queued ?? 0), 0);
    this.foreignRuns = Math.max(0, runs - load.in_flight);
  }

  /** Takes a slot for a message. @returns the runtime that it is counted for */
  takeSlot(need: SlotNeed): RuntimeKind | null {
    const runtime = runtimeFor(this, need);
    this.inFlight += 1;
    this.#count(runtime, 1);
    return runtime;
  }

  giveSlotBack(runtime: RuntimeKind | null): void {
    this.inFlight = Math.max(0, this.inFlight - 1);
    this.#count(runtime, -1);
  }

  /** The node has given a message to another runtime than the one that it is counted for. */
  moveSlot(from: RuntimeKind | null, to: RuntimeKind): void {
    this.#count(from, -1);
    this.#count(to, 1);
  }

  #count(runtime: RuntimeKind | null, change: number): void {
    if (runtime === null) return;
    this.#heldBy.set(runtime, Math.max(0, (this.#heldBy.get(runtime) ?? 0) + change));
    if (this.freeRuntimes !== null) this.#findFree();
  }

  /** An older node does not tell the slots of its runtimes; those of a single one are the node's. */
  #findFree(): void {
    const { runtimes } = this;
    const isCounted = runtimes.length > 1 && runtimes.every(({ slots }) => slots !== undefined);
    const free = runtimes.filter(
      ({ kind, ready, slots }) => ready && (this.#heldBy.get(kind) ?? 0) < (slots ?? 0),
    );
    this.freeRuntimes = isCounted ? new Set(free.map(({ kind }) => kind)) : null;
  }

  recordLatency(latencyMs: number): void {
    this.latencyMs =
      this.latencyMs === 0 ? latencyMs : this.latencyMs + latencyShare * (latencyMs - this.latencyMs);
  }
}

export function toNodeStatus(node: MeshNode): NodeStatus {
  if (!node.isOnline) return "offline";
  const isBusy = node.isReady && !isDownToEcho(node) && !hasRoom(node, null);
  return isBusy || node.inFlight >= node.slots ? "busy" : "online";
}

/** The node as the API shows it. */
export function toNodeInfo(node: MeshNode, groups: readonly string[]): NodeInfo {
  return {
    id: node.id,
    name: node.name,
    endpoint: node.record.endpoint ?? "link",
    capabilities: node.capabilities,
    status: toNodeStatus(node),
    last_heartbeat: toIsoTime(node.record.lastSeenAtMs),
    transport: node.record.transport,
    ready: node.isOnline && node.isReady,
    reason: node.isOnline ? node.reason : "offline",
    scheduling: node.scheduling,
    slots: node.slots,
    in_flight: node.inFlight,
    load: node.load,
    runtimes: [...node.runtimes],
    groups: [...groups],
    weight: node.weight,
    breakers: node.breakers.map(({ cause, openUntilMs }) => ({
      cause,
      open_until: openUntilMs === null ? null : toIsoTime(openUntilMs),
    })),
    latency_ms: node.latencyMs === 0 ? null : Math.round(node.latencyMs * 10) / 10,
    version: node.record.version,
    joined_at: toIsoTime(node.record.joinedAtMs),
    since: toIsoTime(node.sinceMs),
  };
}
