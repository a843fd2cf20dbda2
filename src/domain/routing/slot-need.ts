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
  if (need === null) return node.runtimes.some(({ kind }) => freeRuntimes.has(kind) && mayAnswer(node, kind));
  const kind = need === "first" ? firstReady(node) : need;
  return kind !== null && freeRuntimes.has(kind);
}

/** The runtime that a node gives such a message to, as far as can be told from here; null: none that is known. */
export function runtimeFor(node: NodeView, need: SlotNeed): RuntimeKind | null {
  if (need !== null && need !== "first") return need;
  const { runtimes, freeRuntimes } = node;
  if (need === "first" || freeRuntimes === null || freeRuntimes === undefined) return firstReady(node);
  return (
    runtimes.find(({ kind }) => freeRuntimes.has(kind) && mayAnswer(node, kind))?.kind ?? firstReady(node)
  );
}

/** Whether no runtime of the node, an echo among them, has a free slot. */
export function isFull({ inFlight, slots, freeRuntimes }: NodeView): boolean {
  return inFlight >= slots || freeRuntimes?.size === 0;
}

/** Whether of several runtimes only the echo is ready, so that a message that asks for no runtime finds none. */
export function isDownToEcho(node: NodeView): boolean {
  return node.runtimes.length > 1 && node.isReady && firstReady(node) === null;
}

function firstReady(node: NodeView): RuntimeKind | null {
  for (const { kind, ready } of node.runtimes) if (ready && mayAnswer(node, kind)) return kind;
  return null;
}

/** Beside any other runtime an echo answers only what requires it: who asks an AI is not to get his own words. */
function mayAnswer({ runtimes }: NodeView, kind: RuntimeKind): boolean {
  return kind !== "echo" || runtimes.length === 1;
}
