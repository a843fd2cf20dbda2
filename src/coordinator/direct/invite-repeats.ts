import type { Clock } from "../../platform/clock.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Instance, NodeId } from "../../protocol/ids.ts";

/** How long the answer to a registration may count as lost; then its invite is used up for that machine, too. */
export const repeatLimitMs = 60_000;

/** Registrations that are remembered for that; the oldest is forgotten first. */
export const maxRepeats = 1_000;

/** One registration with an invite. */
interface Registered {
  /** What the invite was redeemed as: the same again takes no other use of it. */
  readonly redeemedAs: Instance;
  readonly atMs: number;
  /** null: it was not let in yet. */
  readonly nodeId: NodeId | null;
}

/** A registration: the hash of the invite, and the name and endpoint, which others may know. */
export interface InviteUse {
  readonly inviteHash: string;
  readonly place: Instance;
}

/**
 * Who registers with an invite, gets no answer and asks again is let in again. What he shows is no secret of his alone: the
 * invite may have been seen, name and endpoint are public. So this ends when the node has shown its token, or after a minute.
 */
export interface InviteRepeats {
  /** What to redeem the invite as; a new one unless it is a repeat. */
  readonly redeemAs: (use: InviteUse) => Instance;
  /** The node that was let in by this; null: none was, or its answer has arrived. */
  readonly nodeOf: (use: InviteUse) => NodeId | null;
  readonly letIn: (use: InviteUse, nodeId: NodeId) => void;
  /** The node has shown the token that it was answered with. */
  readonly end: (nodeId: NodeId) => void;
}

interface InviteRepeatsDeps {
  readonly clock: Clock;
  readonly ids: Pick<Ids, "instance">;
}

export function createInviteRepeats({ clock, ids }: InviteRepeatsDeps): InviteRepeats {
  /** The newest last. */
  const registered = new Map<string, Registered>();
  const keyOf = ({ inviteHash, place }: InviteUse) => `${inviteHash} ${place}`;

  function find(use: InviteUse): Registered | null {
    const key = keyOf(use);
    const found = registered.get(key);
    if (found === undefined) return null;
    if (clock.monotonicMs() - found.atMs < repeatLimitMs) return found;
    registered.delete(key);
    return null;
  }

  return {
    redeemAs: (use) => {
      const found = find(use);
      if (found !== null) return found.redeemedAs;
      const redeemedAs = ids.instance();
      registered.set(keyOf(use), { redeemedAs, atMs: clock.monotonicMs(), nodeId: null });
      const [oldest] = registered.keys();
      if (registered.size > maxRepeats && oldest !== undefined) registered.delete(oldest);
      return redeemedAs;
    },
    nodeOf: (use) => find(use)?.nodeId ?? null,
    letIn: (use, nodeId) => {
      const found = find(use);
      if (found !== null) registered.set(keyOf(use), { ...found, nodeId });
    },
    end: (nodeId) => {
      for (const [key, found] of registered) {
        if (found.nodeId === nodeId) registered.delete(key);
      }
    },
  };
}
