import type { RuntimeKind } from "../../protocol/capability.ts";
import type { NodeView } from "./mesh-snapshot.ts";

/**
 * Which runtime of a node a message needs a free slot of. `first`: the first of the node's that is ready, as a conversation does:
 * its turns belong to one runtime, which waits rather than loses the thread. null: any that is ready.
 */
export type SlotNeed = RuntimeKind | "first" | null;

/** Whether the node can take one more message with this need, by our count of what it has. */
export function hasRoom(node: NodeView, need: SlotNeed): boolean {
  if (node.inFlight >= node.slots) return false;
  const { freeRuntimes } = node;
  if (freeRuntimes === null || freeRuntimes === undefined) return true;
  if (need === null) return freeRuntimes.size > 0;
  const kind = need === "first" ? firstReady(node) : need;
  return kind !== null && freeRuntimes.has(kind);
}

/** The runtime that a node gives such a message to, as far as can be told from here; null: none that is known. */
export function runtimeFor(node: NodeView, need: SlotNeed): RuntimeKind | null {
  if (need !== null && need !== "first") return need;
  const { runtimes, freeRuntimes } = node;
  if (need === "first" || freeRuntimes === null || freeRuntimes === undefined) return firstReady(node);
  return runtimes.find(({ kind }) => freeRuntimes.has(kind))?.kind ?? firstReady(node);
}

/** Whether only an echo would answer such a message on this node now. */
export function wouldEcho(node: NodeView, need: SlotNeed): boolean {
  return node.freeRuntimes?.has("echo") === true && runtimeFor(node, need) === "echo";
}

function firstReady({ runtimes }: NodeView): RuntimeKind | null {
  for (const { kind, ready } of runtimes) if (ready) return kind;
  return null;
}
