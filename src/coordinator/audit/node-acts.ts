import type { MeshEventEmitter } from "../events/mesh-events.ts";
import type { AuditTrail } from "./audit-trail.ts";
import { ownAct } from "./own-act.ts";
import type { RepeatCounts } from "./repeat-counts.ts";

interface NodeActOptions {
  readonly events: MeshEventEmitter;
  readonly trail: Pick<AuditTrail, "note">;
  readonly repeats: RepeatCounts;
}

/** Nodes that go, by themselves or because somebody removed them, in whatever way the coordinator learned of it. */
export function noteNodeEvents({ events, trail, repeats }: NodeActOptions): void {
  events.on("node.left", ({ nodeId, name, isRemoved, address }) => {
    const details = { name };
    if (isRemoved) {
      trail.note(ownAct("node.removed", nodeId, details));
      return;
    }
    const left = { subject: nodeId, address, action: "node.leave", target: nodeId, result: "ok", details };
    // A node may leave and come back as often as it likes.
    if (repeats.admit(left, 1)) trail.note(left);
  });
}
