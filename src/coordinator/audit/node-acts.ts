import type { MeshEventEmitter } from "../events/mesh-events.ts";
import type { AuditTrail } from "./audit-trail.ts";
import type { RepeatCounts } from "./repeat-counts.ts";

interface NodeActOptions {
  readonly events: MeshEventEmitter;
  readonly trail: Pick<AuditTrail, "note">;
  readonly repeats: RepeatCounts;
}

/** Nodes that say goodbye, in whatever way the coordinator learned of it. */
export function noteNodeEvents({ events, trail, repeats }: NodeActOptions): void {
  events.on("node.left", ({ nodeId, name, isRemoved, address }) => {
    // Who took it out is told by the call that did.
    if (isRemoved) return;
    const details = { name };
    const left = { subject: nodeId, address, action: "node.leave", target: nodeId, result: "ok", details };
    // A node may leave and come back as often as it likes.
    if (repeats.admit(left, 1)) trail.note(left);
  });
}
