import type { AuditEntry } from "../../protocol/audit.ts";

/** Longest texts of an entry, in UTF-16 code units; what is longer ends in `…`. */
export const maxNameLength = 128;
export const maxTargetLength = 256;
export const maxDetailLength = 500;

/** Most facts of one entry. */
export const maxDetails = 20;

type Fact = Pick<AuditEntry, "at" | "subject" | "address" | "action" | "target" | "result" | "details">;

/**
 * What can be stored and read back exactly as it was hashed, and is bounded: texts of well-formed Unicode without NUL,
 * numbers that JSON has.
 */
export function toStorableFact(fact: Fact): Fact {
  const details = Object.entries(fact.details)
    // What reads JSON leaves it out.
    .filter(([key]) => key !== "__proto__")
    .slice(0, maxDetails)
    .map(([key, value]) => [toText(key, maxNameLength), toDetail(value)]);
  return {
    at: fact.at,
    subject: toText(fact.subject, maxNameLength),
    address: fact.address === null ? null : toText(fact.address, maxNameLength),
    action: toText(fact.action, maxNameLength),
    target: fact.target === null ? null : toText(fact.target, maxTargetLength),
    result: toText(fact.result, maxNameLength),
    details: Object.fromEntries(details),
  };
}

function toDetail(value: AuditEntry["details"][string]): AuditEntry["details"][string] {
  if (typeof value === "string") return toText(value, maxDetailLength);
  if (typeof value === "number") return Number.isFinite(value) ? value + 0 : null;
  return value;
}

function toText(text: string, maxLength: number): string {
  const short = text.length <= maxLength ? text : `${text.slice(0, maxLength - 1)}…`;
  return short.toWellFormed().replaceAll("\0", "\uFFFD");
}
