import { type AuditEntry, type AuditVerdict, firstAuditHash } from "../../protocol/audit.ts";
import { canonicalText, type HashText } from "./audit-chain.ts";

/** The action of the entry that says which of the oldest entries were deleted on purpose; its details hold `first_seq`. */
export const pruneAction = "audit.prune";

/** How far a chain has been checked; entries are given in pages, oldest first. */
export interface ChainCheck {
  readonly entries: number;
  readonly first: AuditEntry | null;
  readonly last: AuditEntry | null;
  /** Newest number that an {@link pruneAction} entry allows the chain to begin at. */
  readonly announcedFirstSeq: number;
  /** Heads that are still to be found. */
  readonly missingHeads: readonly string[];
  /** null: all fits so far. */
  readonly broken: { readonly seq: number; readonly reason: string } | null;
}

/** @param notedHeads hashes of entries that were the newest at some time, kept elsewhere: they must be in the chain */
export function beginCheck(notedHeads: readonly string[] = []): ChainCheck {
  return {
    entries: 0,
    first: null,
    last: null,
    announcedFirstSeq: 1,
    // The first of all was noted before there was an entry.
    missingHeads: notedHeads.filter((head) => head !== firstAuditHash),
    broken: null,
  };
}

/** Checks the entries that follow those already checked; after the first that does not fit, nothing more. */
export function checkPage(check: ChainCheck, page: readonly AuditEntry[], hashText: HashText): ChainCheck {
  let { entries, first, last, announcedFirstSeq, missingHeads } = check;
  if (check.broken !== null) return check;
  for (const entry of page) {
    const reason = misfit(entry, last, hashText);
    if (reason !== null) {
      const seq = last === null ? entry.seq : last.seq + 1;
      return { ...check, entries, first, last, announcedFirstSeq, missingHeads, broken: { seq, reason } };
    }
    first ??= entry;
    last = entry;
    entries += 1;
    const { hash, previous_hash } = entry;
    if (missingHeads.length > 0) {
      missingHeads = missingHeads.filter((head) => head !== hash && head !== previous_hash);
    }
    const announced = entry.action === pruneAction ? entry.details.first_seq : undefined;
    if (typeof announced === "number") announcedFirstSeq = Math.max(announcedFirstSeq, announced);
  }
  return { ...check, entries, first, last, announcedFirstSeq, missingHeads };
}

function misfit(entry: AuditEntry, before: AuditEntry | null, hashText: HashText): string | null {
  if (before !== null && entry.seq !== before.seq + 1) return `entry ${before.seq + 1} is missing`;
  if (hashText(canonicalText(entry)) !== entry.hash) {
    return `entry ${entry.seq} was changed: its hash is not that of its fields`;
  }
  if (before !== null && entry.previous_hash !== before.hash) {
    return `entry ${entry.seq} does not follow entry ${before.seq}: one of the two was replaced`;
  }
  if (entry.seq === 1 && entry.previous_hash !== firstAuditHash) {
    return "entry 1 does not begin a chain: it was replaced";
  }
  return null;
}

/** What was found, once every entry has been checked. */
export function toVerdict(check: ChainCheck): AuditVerdict {
  const { entries, first, last } = check;
  const broken = check.broken ?? misplacedEnd(check);
  return {
    is_intact: broken === null,
    entries,
    first_seq: first?.seq ?? null,
    last_seq: last?.seq ?? null,
    head: last?.hash ?? firstAuditHash,
    broken_at: broken?.seq ?? null,
    reason: broken?.reason ?? null,
  };
}

/** What the entries themselves cannot show: that some are missing before the first, or after the last. */
function misplacedEnd({ first, last, announcedFirstSeq, missingHeads }: ChainCheck) {
  if (first !== null && first.seq > announcedFirstSeq) {
    const reason = `the entries before ${first.seq} are missing, and no entry ${pruneAction} says that they were deleted`;
    return { seq: announcedFirstSeq, reason };
  }
  if (missingHeads.length === 0) return null;
  const reason =
    "the head that was noted is not in the chain: entries at its end were removed, or it was written anew" +
    (first !== null && first.seq > 1 ? `, or the head is older than entry ${first.seq}` : "");
  return { seq: (last?.seq ?? 0) + 1, reason };
}
