import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { NodeId } from "../../protocol/ids.ts";
import type { NodeRecord, NodeStore } from "../../store/nodes.ts";
import { StoreClosedError } from "../../store/store-closed.ts";
import type { KnownNodes } from "./known-nodes.ts";
import type { MeshNode } from "./mesh-node.ts";

/** How often it is stored that a linked node is there: after a crash that is the time since when it is away. */
export const keepSeenEveryMs = 60_000;

/** Stores what changes of nodes' records. */
export interface RecordKeeping {
  /**
   * Stores a changed record, then makes it the present one. The changes of one node follow one another, and each is made
   * of what the one before it left: otherwise two at a time would undo each other.
   */
  readonly save: (node: MeshNode, change: (present: NodeRecord) => NodeRecord) => Promise<void>;
  /** A sign of life. Routing looks at nothing of it, so that nothing is derived anew. */
  readonly see: (node: MeshNode) => void;
  /**
   * For the failure of a write that nobody waits for. At a stop some come after the store has closed; what they say is of
   * no use to the next process.
   */
  readonly warnUnlessClosed: (node: MeshNode, trouble: string) => (error: unknown) => void;
}

interface KeepingOptions {
  readonly store: NodeStore;
  readonly known: KnownNodes;
  readonly clock: Clock;
  readonly log: Log;
}

type Keep = (node: MeshNode, record: NodeRecord) => Promise<void>;

export function createRecordKeeping({ store, known, clock, log }: KeepingOptions): RecordKeeping {
  /** The newest change of each node that has one on its way. */
  const changing = new Map<NodeId, Promise<void>>();
  /** When the stored time that it was last seen is from. */
  const seenOnRecord = new WeakMap<MeshNode, number>();

  const keep: Keep = async (node, record) => {
    await store.save(record);
    seenOnRecord.set(node, record.lastSeenAtMs);
    known.update(node, record);
  };
  const keepSeen: Keep = async (_, record) => store.save(record);

  async function inTurn(
    node: MeshNode,
    change: (present: NodeRecord) => NodeRecord,
    keepIt: Keep,
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

  function see(node: MeshNode): void {
    const nowMs = clock.nowMs();
    node.record = { ...node.record, lastSeenAtMs: nowMs };
    if (nowMs - (seenOnRecord.get(node) ?? 0) < keepSeenEveryMs) return;
    seenOnRecord.set(node, nowMs);
    inTurn(node, (present) => ({ ...present, lastSeenAtMs: nowMs }), keepSeen).catch(
      warnUnlessClosed(node, "when a node was last seen was not stored"),
    );
  }

  function warnUnlessClosed(node: MeshNode, trouble: string): (error: unknown) => void {
    return (error) => {
      if (error instanceof StoreClosedError) return;
      log.warn(trouble, { node: node.id, error });
    };
  }

  return { save: (node, change) => inTurn(node, change, keep), see, warnUnlessClosed };
}
