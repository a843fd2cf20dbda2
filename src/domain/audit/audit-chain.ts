import { type AuditEntry, firstAuditHash } from "../../protocol/audit.ts";

/** SHA-256 of the UTF-8 text as 64 lower-case hexadecimal digits. */
export type HashText = (text: string) => string;

/** An entry without its hash. */
export type UnhashedEntry = Omit<AuditEntry, "hash">;

/** Where a chain stands: the entry that follows has the next number and this `previous_hash`. */
export interface ChainPosition {
  readonly seq: number;
  readonly hash: string;
}

/** Before the first entry of all. */
export const chainOrigin: ChainPosition = { seq: 0, hash: firstAuditHash };

/**
 * The text that an entry's hash is made of: a JSON array, without blanks, of its fields in this order. `details` is an
 * array of `[key, value]`, sorted by key (UTF-16 code units). `docs/reference/audit.md` shows how to recompute it.
 */
export function canonicalText(entry: UnhashedEntry): string {
  const details = Object.entries(entry.details).sort(([left], [right]) =>
    left < right ? -1 : Number(left > right),
  );
  return JSON.stringify([
    entry.seq,
    entry.at,
    entry.subject,
    entry.address,
    entry.action,
    entry.target,
    entry.result,
    details,
    entry.previous_hash,
  ]);
}

/** The entry that follows this position. */
export function nextEntry(
  after: ChainPosition,
  fact: Omit<UnhashedEntry, "seq" | "previous_hash">,
  hashText: HashText,
): AuditEntry {
  const entry = { ...fact, seq: after.seq + 1, previous_hash: after.hash };
  return { ...entry, hash: hashText(canonicalText(entry)) };
}
