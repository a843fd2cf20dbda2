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
  /** Adds the entries to the end of the chain, in order, in one commit. */
  readonly append: (facts: readonly AuditFact[]) => Promise<void>;
  readonly list: (query: AuditQuery) => Promise<readonly AuditEntry[]>;
  /** Oldest first, from this one on, at most `limit`; for reading the whole chain in pieces. */
  readonly read: (fromSeq: number, limit: number) => Promise<readonly AuditEntry[]>;
  /** What the first entry that is kept must follow: its number and its `previous_hash`. */
  readonly start: () => Promise<{ readonly seq: number; readonly previousHash: string }>;
  /** Deletes the oldest until at most `maxEntries` are left, and keeps the hash that the rest begins with. */
  readonly prune: (maxEntries: number) => Promise<number>;
}
