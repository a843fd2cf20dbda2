import type { AuditEntry } from "../protocol/audit.ts";

/** What happened, before it has its place in the chain. */
export type AuditFact = Omit<AuditEntry, "seq" | "previous_hash" | "hash">;

export interface AuditQuery {
  /** Newest first, at most so many. */
  readonly limit: number;
  /** Only entries before this one. */
  readonly beforeSeq: number | null;
  readonly subject: string | null;
  /** The action or its beginning. */
  readonly action: string | null;
  readonly target: string | null;
}

/** Append-only: the database itself refuses to change an entry, and to delete any but the oldest. */
export interface AuditStore {
  /**
   * Adds the entries to the end of the chain, in order, in one full commit. As nothing is ever taken back, they may be
   * there although the disk failed and the call was rejected: who tries again may write them twice.
   * @returns the newest entry
   */
  readonly append: (facts: readonly AuditFact[]) => Promise<AuditEntry>;
  readonly list: (query: AuditQuery) => Promise<readonly AuditEntry[]>;
  /** Oldest first, from this one on, at most `limit`; for reading the whole chain in pieces. */
  readonly read: (fromSeq: number, limit: number) => Promise<readonly AuditEntry[]>;
  /** What the first entry that is kept must follow: its number and its `previous_hash`. */
  readonly start: () => Promise<{ readonly seq: number; readonly previousHash: string }>;
  /** The newest entry; null: there is none. */
  readonly newest: () => Promise<AuditEntry | null>;
  /** Deletes the entries before this one, at most {@link maxPrunedAtOnce} and never the newest. @returns how many */
  readonly prune: (beforeSeq: number) => Promise<number>;
}

/** Entries that one {@link AuditStore.prune} deletes, so that no commit holds up the event loop for long. */
export const maxPrunedAtOnce = 1_000;
