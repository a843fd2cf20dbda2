import { z } from "zod";

/** Starts the chain. */
export const firstAuditHash = "0".repeat(64);

const Hash = z.string().regex(/^[0-9a-f]{64}$/);

/** One thing that was done or tried, as it is kept for good. */
export const AuditEntry = z.object({
  /** Counts from 1 without gaps. */
  seq: z.int().min(1),
  at: z.iso.datetime(),
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
  previous_hash: Hash,
  /** SHA-256 over all the others, `domain/audit/audit-chain.ts` says how. */
  hash: Hash,
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
