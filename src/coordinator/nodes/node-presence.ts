import type { SlotNeed } from "../../domain/routing/slot-need.ts";
import type { Clock } from "../../platform/clock.ts";
import type { RuntimeKind } from "../../protocol/capability.ts";
import type { NodeId } from "../../protocol/ids.ts";
import type { HelloFrame, StatusFrame } from "../../protocol/link/v1/frames.ts";
import type { RuntimeStatus } from "../../protocol/node.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";
import type { KnownNodes } from "./known-nodes.ts";
import type { BreakerView, LinkToNode, MeshNode } from "./mesh-node.ts";
import type { RecordKeeping } from "./record-keeping.ts";

/**
 * Messages that one node works on at once, at most. One that claims more counts as one that has these: slots decide who gets
 * how much, and a node may claim any number.
 */
export const maxSlots = 256;

/** What a direct node has let the coordinator know of its state. */
export interface NodeSigns {
  readonly runtimes: readonly RuntimeStatus[];
  readonly slots: number;
  /** Runs of others, as far as it tells. */
  readonly foreignRuns?: number;
}

/** Which nodes are there, and what each can take now. */
export interface NodePresence {
  /** The coordinator has only just started, and this node, which it knows, is probably on its way back. */
  readonly isExpected: (nodeId: NodeId) => boolean;
  readonly setOnline: (node: MeshNode, link: LinkToNode, hello: HelloFrame) => void;
  readonly setOffline: (node: MeshNode, reason: string) => void;
  readonly setStatus: (node: MeshNode, status: StatusFrame) => void;
  /** A sign of life without a status. */
  readonly setSeen: (node: MeshNode, signs: NodeSigns) => void;
  /** The node cannot take work for this reason until its next status. */
  readonly setNotReady: (node: MeshNode, reason: string) => void;
  /** `isNews`: it may take work again, or what is shown of it has changed. */
  readonly setBreakers: (node: MeshNode, view: BreakerView, isNews: boolean) => void;
  /** As `setNotReady`, of one of its runtimes. */
  readonly setRuntimeNotReady: (node: MeshNode, kind: RuntimeKind, reason: string) => void;
  /** @returns the runtime that the slot is counted for; null: it is not known which one */
  readonly reserve: (node: MeshNode, need: SlotNeed) => RuntimeKind | null;
  /** The node has given it to another runtime than the one that it is counted for. */
  readonly recount: (node: MeshNode, from: RuntimeKind | null, to: RuntimeKind) => void;
  /** `runtime`: the one that it is counted for. `isRefused`: the node did not take what the slot was for. */
  readonly release: (node: MeshNode, runtime: RuntimeKind | null, isRefused: boolean) => void;
}

/** How long after its start a coordinator waits for the nodes it knows, before it says that none fits. */
export const gatheringMs = 5_000;

interface PresenceOptions {
  /** With the nodes of a former process: they are expected back. */
  readonly known: KnownNodes;
  readonly records: RecordKeeping;
  /** To be told what routing or people look at. */
  readonly onChange: (node: MeshNode) => void;
  readonly clock: Clock;
  readonly events: MeshEventEmitter;
}

export function createNodePresence(options: PresenceOptions): NodePresence {
  const { known, records, onChange, clock, events } = options;
  /** Nodes of a former process that have not been here since. */
  const expected = new Set<NodeId>(known.nodes.map(({ id }) => id));
  const gatheredAtMs = clock.monotonicMs() + gatheringMs;

  function setOnline(node: MeshNode, link: LinkToNode, hello: HelloFrame): void {
    expected.delete(node.id);
    node.link = link;
    node.instance = hello.instance;
    node.isOnline = true;
    node.offlineSinceMs = null;
    node.missedSinceMs = null;
    node.sinceMs = clock.nowMs();
    node.slots = Math.min(hello.slots, maxSlots);
    node.setRuntimes(hello.runtimes);
    known.bumpRevision();
    events.emit("node.online", { nodeId: node.id, name: node.name });
  }

  function setOffline(node: MeshNode, reason: string): void {
    const nowMs = clock.nowMs();
    node.link = null;
    node.isOnline = false;
    node.offlineSinceMs = nowMs;
    node.missedSinceMs = clock.monotonicMs();
    node.sinceMs = nowMs;
    node.load = null;
    node.foreignRuns = 0;
    records
      .save(node, (present) => ({ ...present, lastSeenAtMs: nowMs }))
      .catch(records.warnUnlessClosed(node, "the end of a link was not stored"));
    known.bumpRevision();
    events.emit("node.offline", { nodeId: node.id, name: node.name, reason });
  }

  function setStatus(node: MeshNode, status: StatusFrame): void {
    const before = routingViewOf(node);
    node.slots = Math.min(status.slots, maxSlots);
    node.setRuntimes(status.runtimes);
    node.setLoad(status.load);
    records.see(node);
    if (routingViewOf(node) !== before) onChange(node);
  }

  function setSeen(node: MeshNode, { runtimes, slots: claimed, foreignRuns }: NodeSigns): void {
    const slots = Math.min(claimed, maxSlots);
    records.see(node);
    if (foreignRuns !== undefined) node.foreignRuns = foreignRuns;
    const before = shownViewOf(node);
    node.slots = slots;
    node.setRuntimes(runtimes);
    if (shownViewOf(node) !== before) onChange(node);
  }

  return {
    isExpected: (nodeId) => expected.has(nodeId) && clock.monotonicMs() < gatheredAtMs,
    setOnline,
    setOffline,
    setStatus,
    setSeen,
    setNotReady: (node, reason) => {
      node.isReady = false;
      node.reason = reason;
      onChange(node);
    },
    setBreakers: (node, { isOpen, breakers, onReserved }, isNews) => {
      node.isBreakerOpen = isOpen;
      node.breakers = breakers;
      node.onReserved = onReserved;
      if (isNews) onChange(node);
    },
    setRuntimeNotReady: (node, kind, reason) => {
      const { isReady, reason: before } = node;
      node.setRuntimes(
        node.runtimes.map((runtime) =>
          runtime.kind === kind ? { ...runtime, ready: false, reason } : runtime,
        ),
      );
      // What one runtime says takes back nothing that the node has said of itself.
      if (!isReady) {
        node.isReady = false;
        node.reason = before;
      }
      onChange(node);
    },
    reserve: (node, need) => {
      const runtime = node.takeSlot(need);
      node.onReserved?.();
      return runtime;
    },
    recount: (node, from, to) => {
      node.moveSlot(from, to);
      events.emit("node.freed", { nodeId: node.id, isRefused: false });
    },
    release: (node, runtime, isRefused) => {
      node.giveSlotBack(runtime);
      events.emit("node.freed", { nodeId: node.id, isRefused });
    },
  };
}

/** All of a status that routing looks at, as one text to compare. */
function routingViewOf({ isReady, slots, runtimes }: MeshNode): string {
  return [
    isReady,
    slots,
    ...runtimes.map((runtime) => `${runtime.kind}:${runtime.ready}:${runtime.slots}`),
  ].join();
}

/** What people look at, too, but for its load. */
function shownViewOf({ isReady, slots, runtimes }: MeshNode): string {
  const shown = runtimes.map(({ active, queued, in_flight, ...runtime }) => runtime);
  return JSON.stringify([isReady, slots, shown]);
}
