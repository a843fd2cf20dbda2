import { unavailability } from "../../domain/routing/candidates.ts";
import { hasRoom, isFull } from "../../domain/routing/slot-need.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";
import type { MeshNode } from "../nodes/mesh-node.ts";
import type { NodeRegistry } from "../nodes/registry.ts";
import type { Router } from "../routing/router.ts";
import type { LaneReview } from "./lane-review.ts";
import type { Lane, WaitingRoom } from "./waiting-room.ts";

interface Watched {
  readonly room: WaitingRoom;
  readonly review: LaneReview;
}

interface MeshWatchOptions extends Watched {
  readonly registry: NodeRegistry;
  readonly router: Router;
  readonly events: MeshEventEmitter;
}

/** A slot of the node is free: those that wait for it and can have it go, in their order. */
export function serveNode(
  node: MeshNode,
  { room, review, isRefused }: Watched & { readonly isRefused: boolean },
): void {
  const obstacle = unavailability(node);
  // As a last resort a synchronous message goes to a node whose circuit breaker is open.
  if (obstacle !== null && obstacle !== "breaker_open") return;
  // A slot that a refusal gives back is hardly free: two that wait for it would hand it round as fast as they can.
  const mayGo = ({ spec }: Lane) => hasRoom(node, spec.wants.slot) && !(isRefused && spec.isAlone);
  review.serve(room.lanesOn(node.id), { mayGo, isOver: () => isFull(node) });
}

/** It waits for a node rather than for a slot: one that fits and cannot serve is news, too. */
function lacksNode({ spec: { decision } }: Lane): boolean {
  return (decision.refused.counts.full ?? 0) === 0;
}

/** Looks at tasks that wait whenever the mesh changes, and only at those for which that may matter. */
export function watchMesh({ room, review, registry, router, events }: MeshWatchOptions): void {
  events.on("node.freed", ({ nodeId, isRefused }) => {
    if (room.size() === 0) return;
    const node = registry.find(nodeId);
    if (node !== null) serveNode(node, { room, review, isRefused });
  });
  for (const type of ["node.online", "node.changed"] as const) {
    events.on(type, ({ nodeId }) => {
      if (room.size() === 0) return;
      const lanes = new Set(room.lanesOn(nodeId));
      const node = registry.find(nodeId);
      if (node !== null) {
        const mayGo = unavailability(node) === null;
        for (const lane of room.lanes()) {
          if ((mayGo || lacksNode(lane)) && router.mayServe(node, lane.spec.wants)) lanes.add(lane);
        }
      }
      review.review(lanes);
    });
  }
  // It can do nothing for those that do not wait for it.
  for (const type of ["node.left", "node.offline"] as const) {
    events.on(type, ({ nodeId }) => review.review(room.lanesOn(nodeId)));
  }
  for (const type of ["rules.changed", "groups.changed"] as const) {
    events.on(type, () => review.reviewTasks(room.lanes()));
  }
}
