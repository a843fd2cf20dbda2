import type { Clock } from "../../platform/clock.ts";
import type { Capabilities } from "../../protocol/capability.ts";
import type { MeshNode } from "./mesh-node.ts";
import type { RecordKeeping } from "./record-keeping.ts";

/** Least time between two changes of one node's capabilities: each is written to the disk, and routing is derived anew. */
export const capabilityGapMs = 1_000;

interface CapabilityOptions {
  readonly records: RecordKeeping;
  readonly onChange: (node: MeshNode) => void;
  readonly clock: Clock;
}

/** When the next change of a node may be taken, and the newest that came too soon after another. */
interface Turn {
  nextAtMs: number;
  waiting: Capabilities | null;
}

/** Takes over what is new of it, one change in {@link capabilityGapMs} at most: of more the newest counts. */
export type SetCapabilities = (node: MeshNode, capabilities: Capabilities) => Promise<void>;

export function createCapabilityChanges({ records, onChange, clock }: CapabilityOptions): SetCapabilities {
  const turns = new WeakMap<MeshNode, Turn>();

  async function setCapabilities(node: MeshNode, capabilities: Capabilities): Promise<void> {
    const nowMs = clock.monotonicMs();
    const turn = turns.get(node) ?? { nextAtMs: nowMs, waiting: null };
    turns.set(node, turn);
    if (turn.waiting !== null || nowMs < turn.nextAtMs) {
      if (turn.waiting === null) {
        clock.after(turn.nextAtMs - nowMs, () => takeWaiting(node, turn), { unref: true });
      }
      turn.waiting = capabilities;
      return;
    }
    if (JSON.stringify(capabilities) === JSON.stringify(node.record.capabilities)) return;
    turn.nextAtMs = nowMs + capabilityGapMs;
    await records.save(node, (present) => ({ ...present, capabilities }));
    onChange(node);
  }

  function takeWaiting(node: MeshNode, turn: Turn): void {
    const { waiting } = turn;
    turn.waiting = null;
    turn.nextAtMs = 0;
    if (waiting === null || node.record.hiddenAtMs !== null) return;
    setCapabilities(node, waiting).catch(records.warnUnlessClosed(node, "capabilities not stored"));
  }

  return setCapabilities;
}
