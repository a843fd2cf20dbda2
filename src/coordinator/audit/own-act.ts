import type { AuditedAct } from "./audit-trail.ts";

/** What the coordinator did by itself, as the audit tells it. */
export function ownAct(
  action: string,
  target: string | null = null,
  details?: AuditedAct["details"],
): AuditedAct {
  const act = { subject: "coordinator", address: null, action, target, result: "ok" } as const;
  return details === undefined ? act : { ...act, details };
}
