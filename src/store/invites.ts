import type { Instance, InviteId } from "../protocol/ids.ts";

export interface InviteRecord {
  readonly id: InviteId;
  /** SHA-256 (hex) of the code. */
  readonly codeHash: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}

export interface InviteStore {
  readonly add: (invite: InviteRecord) => Promise<void>;
  /** Whether the code exists and has not expired; does not use it up. */
  readonly isOpen: (codeHash: string, nowMs: number) => Promise<boolean>;
  /**
   * Uses the invite up for one node agent process. The same instance may redeem it again until it expires, because the
   * answer to its first try may have been lost.
   * @returns whether it was valid
   */
  readonly redeem: (codeHash: string, instance: Instance, nowMs: number) => Promise<boolean>;
}
