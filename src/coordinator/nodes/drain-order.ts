import type { DrainFrame, UndrainFrame } from "../../protocol/link/v1/frames.ts";
import type { MeshNode } from "./mesh-node.ts";

interface DrainContext {
  /** What the agent does, as far as it is known. */
  readonly isDraining: boolean;
  /** Monotonic. */
  readonly nowMs: number;
}

/** What the node's agent has to be told so that it does what its scheduling says; null: nothing. */
export function nextDrainOrder(
  node: Pick<MeshNode, "scheduling" | "drainEndsAtMs">,
  { isDraining, nowMs }: DrainContext,
): DrainFrame | UndrainFrame | null {
  if (node.scheduling !== "draining") return isDraining ? { type: "undrain" } : null;
  // Ordered by a former process of this coordinator: the agent knows its deadline.
  if (node.drainEndsAtMs === null) return null;
  const leftMs = Math.max(0, Math.round(node.drainEndsAtMs - nowMs));
  return { type: "drain", deadline_ms: leftMs, reason: "drained by an operator" };
}
