import type { Instance, InviteId } from "../protocol/ids.ts";

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

/** How long one that has expired is still known, so that whoever has it is not taken for somebody who guesses. */
export const keepExpiredMs = 30 * 24 * 3600 * 1000;

export interface InviteStore {
  readonly add: (invite: InviteRecord) => Promise<void>;
  /** An invite that is neither used up nor expired, or was redeemed by this very instance; does not use it. null: none. */
  readonly find: (codeHash: string, nowMs: number, instance: Instance | null) => Promise<OpenInvite | null>;
  /**
   * Takes one use for one node agent process. The same instance may redeem it again until it expires, because the answer
   * to its first try may have been lost.
   * @returns what it grants; null when it was not valid
   */
  readonly redeem: (codeHash: string, instance: Instance, nowMs: number) => Promise<InviteRecord | null>;
  /** Those with uses left that have not expired, newest first. */
  readonly list: (nowMs: number) => Promise<readonly OpenInvite[]>;
  /** Whether there is one with this code, or was less than {@link keepExpiredMs} after it expired, used up or not. */
  readonly isKnown: (codeHash: string) => Promise<boolean>;
  /** @returns the hash of its code; null: there was none */
  readonly remove: (id: InviteId) => Promise<string | null>;
}
