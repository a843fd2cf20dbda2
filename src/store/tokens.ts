import type { TokenScope } from "../protocol/access.ts";
import type { TokenId } from "../protocol/ids.ts";

/** A token made with `token create`; the admin token and those of nodes are kept elsewhere. */
export interface TokenRecord {
  readonly id: TokenId;
  readonly name: string;
  /** SHA-256 (hex) of the whole token. */
  readonly tokenHash: string;
  /** Its first characters. */
  readonly shown: string;
  readonly scopes: readonly TokenScope[];
  readonly groups: readonly string[] | null;
  readonly ratePerMinute: number | null;
  readonly isUntrusted: boolean;
  readonly createdAtMs: number;
  /** Subject of who made it. */
  readonly createdBy: string;
  readonly rotatedAtMs: number | null;
  readonly expiresAtMs: number | null;
  readonly lastUsedAtMs: number | null;
  readonly lastUsedFrom: string | null;
  readonly revokedAtMs: number | null;
}

/** A text that a token had before it was given a new one. */
export interface FormerText {
  /** SHA-256 (hex) of the whole token. */
  readonly tokenHash: string;
  readonly rotatedAtMs: number;
}

/** Former texts that are kept; the oldest go first. */
export const maxFormerTexts = 2_000;

export interface TokenStore {
  /**
   * Inserts or replaces by id, in full. Rejects with NAME_TAKEN when another token that is not revoked has the name (any
   * case).
   */
  readonly save: (token: TokenRecord) => Promise<void>;
  /** As `save`, and keeps the hash of the text that it had before, as of its `rotatedAtMs`. */
  readonly rotate: (token: TokenRecord, formerHash: string) => Promise<void>;
  /** Oldest first. */
  readonly formerTexts: () => Promise<readonly FormerText[]>;
  /** When and from where each was last used; may be lost with a power cut. */
  readonly saveUses: (
    uses: readonly { readonly id: TokenId; readonly atMs: number; readonly from: string }[],
  ) => Promise<void>;
  /** All, revoked and expired ones too. */
  readonly list: () => Promise<readonly TokenRecord[]>;
  /** Deletes those that were revoked, or expired, before this moment, and texts that were rotated away before it. */
  readonly deleteEnded: (beforeMs: number) => Promise<void>;
}
