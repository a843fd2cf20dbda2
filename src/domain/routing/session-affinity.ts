import type { RuntimeKind } from "../../protocol/capability.ts";
import type { NodeId } from "../../protocol/ids.ts";
import { type CandidateQuestion, free, full, type Standing, standingOf } from "./candidates.ts";
import { meetsNeeds } from "./capable.ts";
import type { Place } from "./mesh-index.ts";
import type { NodeView } from "./mesh-snapshot.ts";
import { notTarget } from "./scope.ts";

/** Where a conversation lives. Stored by the caller, who writes it when a decision says `new` or `moved`. */
export interface SessionBinding {
  readonly nodeId: NodeId;
  readonly boundAtMs: number;
  readonly lastUsedAtMs: number;
  /** Which of the node's runtimes has its turns; null: not known yet. */
  readonly runtime: RuntimeKind | null;
}

/** How long one message waits for the node of its conversation while that node is full or cannot serve. */
export const sessionWaitMs = 60_000;

/** How long a conversation stays with a node that is offline. */
export const sessionGraceMs = 30_000;

/** What the conversation of a message says about where the message goes. */
export type SessionVerdict =
  /** It has no node yet: any node, which then becomes its node. */
  | { readonly kind: "unbound" }
  /** To its node, now. */
  | { readonly kind: "stay"; readonly holder: Place }
  /** To its node, later: decide again when that node changes, and at this time. */
  | { readonly kind: "wait"; readonly holder: Place; readonly untilMs: number }
  /** Nowhere: its node was full for too long. The conversation does not move for that. */
  | { readonly kind: "refuse"; readonly holder: Place }
  /** Its node is gone: any node, which then becomes its node. */
  | { readonly kind: "move" }
  /** This message asks for something its node is not; it goes to another node and the conversation stays. */
  | { readonly kind: "elsewhere" };

/** All of a clock that never jumps. */
interface SessionTimes {
  readonly nowMs: number;
  /** Since when this message waits; null: it does not yet. */
  readonly waitingSinceMs: number | null;
}

/**
 * A conversation stays on its node while that node can serve. It moves when the node was removed, drains, is none that the
 * sender may use any more, has not its runtime any more, or is offline beyond {@link sessionGraceMs}; and when the node, or
 * the runtime of the conversation, was not ready, cordoned, broken or had refused the message for all of {@link sessionWaitMs}. A node that is merely full is waited for as long and then the message fails with reason `full`:
 * losing one message is better than losing the thread of all.
 * The question must carry the declared needs and the target of the message, the runtime of the conversation, and no rule: rules do not move conversations.
 */
export function decideSession(
  binding: SessionBinding | null,
  question: CandidateQuestion,
  times: SessionTimes,
): SessionVerdict {
  if (binding === null) return { kind: "unbound" };
  const holder = question.index.placeOf(binding.nodeId);
  if (holder === undefined) return { kind: "move" };
  if (question.allowed !== null && question.allowed[holder.position] !== 1) return { kind: "move" };
  if (!isAskedFor(holder, question)) return { kind: "elsewhere" };
  const { node } = holder;
  if (!node.isOnline) {
    const untilMs = (node.missedSinceMs ?? times.nowMs) + sessionGraceMs;
    return times.nowMs < untilMs ? { kind: "wait", holder, untilMs } : { kind: "move" };
  }
  if (node.scheduling === "draining" || hasLostRuntime(node, question)) return { kind: "move" };
  return verdictFor(standingOf(holder, question), holder, times);
}

function verdictFor(standing: Standing, holder: Place, times: SessionTimes): SessionVerdict {
  if (standing === free) return { kind: "stay", holder };
  const untilMs = (times.waitingSinceMs ?? times.nowMs) + sessionWaitMs;
  if (times.nowMs < untilMs) return { kind: "wait", holder, untilMs };
  return standing === full ? { kind: "refuse", holder } : { kind: "move" };
}

/** Its list of runtimes has changed: the one that has the former turns does not come back by waiting. */
function hasLostRuntime({ runtimes }: NodeView, { declared, heldBy = null }: CandidateQuestion): boolean {
  return (
    heldBy !== null && (declared?.runtime ?? null) === null && runtimes.every(({ kind }) => kind !== heldBy)
  );
}

function isAskedFor(holder: Place, { declared, scope, index }: CandidateQuestion): boolean {
  if (scope !== null && scope.tiers[holder.position] === notTarget) return false;
  return declared === null || meetsNeeds(holder.node, declared, index.isGroupMember);
}
