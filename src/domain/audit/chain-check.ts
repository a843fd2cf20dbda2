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
  /** The head to be found; null: none is asked for. */
  readonly wantedHead: string | null;
  readonly isHeadFound: boolean;
  /** null: all fits so far. */
  readonly broken: { readonly seq: number; readonly reason: string } | null;
}

/** @param notedHead hash of an entry that was the newest at some time, kept elsewhere */
export function beginCheck(notedHead: string | null): ChainCheck {
  return {
    entries: 0,
    first: null,
    last: null,
    announcedFirstSeq: 1,
    wantedHead: notedHead,
    // Noted before the first entry there ever was.
    isHeadFound: notedHead === null || notedHead === firstAuditHash,
    broken: null,
  };
}

/** Checks the entries that follow those already checked; after the first that does not fit, nothing more. */
export function checkPage(check: ChainCheck, page: readonly AuditEntry[], hashText: HashText): ChainCheck {
  let { entries, first, last, announcedFirstSeq, isHeadFound } = check;
  if (check.broken !== null) return check;
  for (const entry of page) {
    const reason = misfit(entry, last, hashText);
    if (reason !== null) {
      const seq = last === null ? entry.seq : last.seq + 1;
      return { ...check, entries, first, last, announcedFirstSeq, isHeadFound, broken: { seq, reason } };
    }
    first ??= entry;
    last = entry;
    entries += 1;
    isHeadFound ||= entry.hash === check.wantedHead || entry.previous_hash === check.wantedHead;
    const announced = entry.action === pruneAction ? entry.details.first_seq : undefined;
    if (typeof announced === "number") announcedFirstSeq = Math.max(announcedFirstSeq, announced);
  }
  return { ...check, entries, first, last, announcedFirstSeq, isHeadFound };
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
function misplacedEnd({ first, last, announcedFirstSeq, isHeadFound }: ChainCheck) {
  if (first !== null && first.seq > announcedFirstSeq) {
    const reason = `the entries before ${first.seq} are missing, and no entry ${pruneAction} says that they were deleted`;
    return { seq: announcedFirstSeq, reason };
  }
  if (isHeadFound) return null;
  const reason =
    "the head that was noted is not in the chain: entries at its end were removed, or it was written anew" +
    (first !== null && first.seq > 1 ? `, or the head is older than entry ${first.seq}` : "");
  return { seq: (last?.seq ?? 0) + 1, reason };
}
