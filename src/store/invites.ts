import type { Instance, InviteId, NodeId } from "../protocol/ids.ts";

export interface InviteRecord {
  readonly id: InviteId;
  /** SHA-256 (hex) of the code. */
  readonly codeHash: string;
  readonly createdAtMs: number;
  /** Subject of who made it. */
  readonly createdBy: string;
  readonly expiresAtMs: number;
  /** Machines that may join with it. */
  readonly uses: number;
  /** The name that the node must have; null: any. */
  readonly name: string | null;
  /** Tags that the node gets from the operator. */
  readonly tags: readonly string[];
  /** Groups that the node becomes a member of. */
  readonly groups: readonly string[];
}

/** An invite and what is left of it. */
export interface OpenInvite extends InviteRecord {
  readonly usesLeft: number;
}

/** An invite as one who comes with it finds it. */
export interface FoundInvite extends OpenInvite {
  /** The node that this very instance has been given with it, and may still come back to; null: it would be a new one. */
  readonly nodeId: NodeId | null;
}

/** What came of redeeming. */
export interface Redemption {
  readonly invite: InviteRecord;
  /** The one node that this use is good for. */
  readonly nodeId: NodeId;
  /** It took a use; otherwise the same instance has come again. */
  readonly isNewUse: boolean;
}

/** How long the answer to a join may count as lost: after that its use is over for the machine that made it, too. */
export const repeatLimitMs = 60_000;

/** How long one that has expired is still known, so that whoever has it is not taken for somebody who guesses. */
export const keepExpiredMs = 30 * 24 * 3600 * 1000;

export interface InviteStore {
  readonly add: (invite: InviteRecord) => Promise<void>;
  /** An invite that this instance (null: a new one) may redeem now; does not use it. null: none. */
  readonly find: (codeHash: string, nowMs: number, instance: Instance | null) => Promise<FoundInvite | null>;
  /**
   * Takes one use for one node agent process and one node. The same instance may redeem it again, for the same node, because
   * the answer to its first try may have been lost: until the invite expires, for {@link repeatLimitMs} at most, and not after
   * `endUse`.
   * @param use `nodeId`: of the node that it is to make, unless it has made one
   * @returns null when it was not valid
   */
  readonly redeem: (
    codeHash: string,
    use: { readonly instance: Instance; readonly nodeId: NodeId },
    nowMs: number,
  ) => Promise<Redemption | null>;
  /** Whoever has made this node with an invite redeems that no more. Without effect on a node that was made otherwise. */
  readonly endUse: (nodeId: NodeId) => Promise<void>;
  /** Those with uses left that have not expired, newest first. */
  readonly list: (nowMs: number) => Promise<readonly OpenInvite[]>;
  /** Whether there is one with this code, or was less than {@link keepExpiredMs} after it expired, used up or not. */
  readonly isKnown: (codeHash: string) => Promise<boolean>;
  /** @returns the hash of its code; null: there was none */
  readonly remove: (id: InviteId) => Promise<string | null>;
}
