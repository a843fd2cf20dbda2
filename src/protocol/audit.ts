import { z } from "zod";

/** Starts the chain. */
export const firstAuditHash = "0".repeat(64);

/**
 * One thing that was done or tried, as it is kept for good. Texts are not checked: an entry that somebody has changed in
 * the database has to be shown, so that it is found.
 */
export const AuditEntry = z.object({
  /** Counts from 1 without gaps. */
  seq: z.int(),
  /** RFC 3339. */
  at: z.string(),
  /** `admin`, the id of a token, node or invite, `anonymous`, or `coordinator` for what it does by itself. */
  subject: z.string(),
  /** Where the call came from; null for what the coordinator does by itself. */
  address: z.string().nullable(),
  /** `token.create`, `node.remove` … */
  action: z.string(),
  /** Id or name of what it was done to; null: nothing in particular. */
  target: z.string().nullable(),
  /** `ok`, or the code of the error. */
  result: z.string(),
  /** Small facts of the action; never a secret, never the content of a message. */
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  /** {@link AuditEntry.hash} of the entry before; {@link firstAuditHash} for the first. */
  previous_hash: z.string(),
  /** SHA-256 over all the others; `docs/reference/audit.md` says how. */
  hash: z.string(),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

/** What `GET /audit/verify` found. */
export const AuditVerdict = z.object({
  is_intact: z.boolean(),
  entries: z.int(),
  /** Oldest entry that is kept. */
  first_seq: z.int().nullable(),
  last_seq: z.int().nullable(),
  /** Hash of the newest entry: kept elsewhere, it shows later whether anything before it was changed. */
  head: z.string(),
  /** First entry that does not fit, and why. */
  broken_at: z.int().nullable(),
  reason: z.string().nullable(),
});
export type AuditVerdict = z.infer<typeof AuditVerdict>;
