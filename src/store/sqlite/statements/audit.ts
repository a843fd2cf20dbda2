import { z } from "zod";
import { type ChainPosition, chainOrigin, nextEntry } from "../../../domain/audit/audit-chain.ts";
import { sha256Hex } from "../../../platform/hash.ts";
import type { Database } from "../../../platform/sqlite.ts";
import { AuditEntry } from "../../../protocol/audit.ts";
import { type AuditFact, type AuditQuery, maxPrunedAtOnce } from "../../audit.ts";
import { jsonColumn, parseRow } from "../row.ts";

/**
 * Read as it stands, whatever is in it: an entry that somebody has changed must be shown to be broken, not be unreadable.
 */
const AuditRow = z.object({
  seq: z.number(),
  at: z.string(),
  subject: z.string(),
  address: z.string().nullable(),
  action: z.string(),
  target: z.string().nullable(),
  result: z.string(),
  details: jsonColumn(AuditEntry.shape.details).catch({ unreadable: true }),
  previous_hash: z.string(),
  hash: z.string(),
});

/** Entries that one search step looks at. */
export interface SearchWindow {
  readonly fromSeq: number;
  readonly beforeSeq: number;
}

export interface AuditStatements {
  readonly append: (facts: readonly AuditFact[]) => AuditEntry;
  readonly search: (query: AuditQuery, window: SearchWindow) => readonly AuditEntry[];
  readonly read: (fromSeq: number, limit: number) => readonly AuditEntry[];
  readonly oldest: () => AuditEntry | null;
  readonly newest: () => AuditEntry | null;
  readonly prune: (beforeSeq: number) => number;
}

export function prepareAudit(database: Database): AuditStatements {
  const insert = database.prepare(`
    insert into audit (seq, at, subject, address, action, target, result, details, previous_hash, hash)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const select = database.prepare<unknown, [number, number]>(
    "select * from audit where seq >= ? order by seq limit ?",
  );
  const selectNewest = database.prepare<unknown, []>("select * from audit order by seq desc limit 1");
  const searchWindow = database.prepare<unknown, (string | number | null)[]>(`
    select * from audit
    where seq >= ?1 and seq < ?2 and (?3 is null or subject = ?3) and (?4 is null or substr(action, 1, length(?4)) = ?4)
      and (?5 is null or target = ?5)
    order by seq desc limit ?6`);
  const remove = database.prepare("delete from audit where seq = ?");
  const newest = () => toEntry(selectNewest.get());
  const oldest = () => toEntry(select.get(0, 1));

  return {
    append: (facts) => {
      const last = newest();
      let position: ChainPosition = last ?? chainOrigin;
      let entry = last;
      for (const fact of facts) {
        entry = nextEntry(position, fact, sha256Hex);
        insert.run(...toColumns(entry));
        position = entry;
      }
      if (entry === null) throw new Error("nothing was appended to an empty audit");
      return entry;
    },
    search: ({ subject, action, target, limit }, { fromSeq, beforeSeq }) =>
      searchWindow.all(fromSeq, beforeSeq, subject, action, target, limit).map(fromAuditRow),
    read: (fromSeq, limit) => select.all(fromSeq, limit).map(fromAuditRow),
    oldest,
    newest,
    prune: (beforeSeq) => {
      const [first, last] = [oldest(), newest()];
      if (first === null || last === null) return 0;
      const end = Math.min(beforeSeq, last.seq, first.seq + maxPrunedAtOnce);
      for (let seq = first.seq; seq < end; seq += 1) remove.run(seq);
      return Math.max(0, end - first.seq);
    },
  };
}

function toColumns(entry: AuditEntry) {
  return [
    entry.seq,
    entry.at,
    entry.subject,
    entry.address,
    entry.action,
    entry.target,
    entry.result,
    JSON.stringify(entry.details),
    entry.previous_hash,
    entry.hash,
  ] as const;
}

function toEntry(auditRow: unknown): AuditEntry | null {
  return auditRow === null ? null : fromAuditRow(auditRow);
}

function fromAuditRow(auditRow: unknown): AuditEntry {
  return parseRow(AuditRow, "audit", auditRow);
}
