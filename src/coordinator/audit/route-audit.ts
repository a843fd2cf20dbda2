import { MeshError } from "../../protocol/errors.ts";
import { contract } from "../../protocol/http/contract.ts";
import type { AuditedCall, RouteAudit } from "../http/call.ts";
import type { Handlers } from "../http/contract-routes.ts";
import type { AuditedAct, AuditTrail } from "./audit-trail.ts";
import type { RepeatCounts } from "./repeat-counts.ts";
import { type CallFacts, detailsOf, type Facts, targetOf } from "./route-acts.ts";

interface RouteAuditOptions {
  readonly trail: AuditTrail;
  readonly repeats: RepeatCounts;
}

/**
 * How many calls of one kind, by one token without the scope admin, are written one by one in a minute; the others are
 * counted. Without it, who may cancel his own tasks could push everything else out of the audit. What was done to a task
 * is in its own record as well.
 */
export const freeCallsPerMinute = 20;
export const freeNodeChangesPerMinute = 120;

/** Of calls that were refused, and of those that need no token. */
const freeRefusalsPerMinute = 1;

/**
 * Records the calls of routes that have `audits`: resolves when what was done is stored, and at once for what was refused.
 * It never rejects: a change that was made must be answered as made. What the disk did not take is tried again by the
 * trail, and {@link onlyAudited} lets nothing more be done until then.
 */
export function createRouteAudit({ trail, repeats }: RouteAuditOptions): RouteAudit {
  // The trail has logged what it could not store.
  const recordDone = (act: AuditedAct) => trail.record(act).catch(() => undefined);

  return async (call) => {
    const act = auditOf(call);
    const isDone = act.result === "ok" && act.subject !== "anonymous";
    if (isDone && call.principal.scopes.has("admin")) await recordDone(act);
    else if (!repeats.admit(act, freeCallsOf(act, isDone))) return;
    else if (isDone) await recordDone(act);
    else trail.note(act);
  };
}

function freeCallsOf({ action }: AuditedAct, isDone: boolean): number {
  if (!isDone) return freeRefusalsPerMinute;
  return action === "node.change" || action === "node.remove" ? freeNodeChangesPerMinute : freeCallsPerMinute;
}

/** Takes rights away, and needs no disk. */
const alwaysAllowed: readonly string[] = ["session.delete"];

/**
 * The same handlers; those of routes that have `audits` throw STORE_UNAVAILABLE, before they do anything, while the audit
 * cannot be written.
 */
export function onlyAudited(handlers: Handlers, trail: Pick<AuditTrail, "trouble">): Handlers {
  const guarded = Object.entries(handlers).map(([operation, handler]) => {
    // The keys of handlers are those of the contract.
    const { audits } = contract[operation as keyof Handlers];
    const isAudited = audits !== undefined && !alwaysAllowed.includes(audits);
    const run = handler as (call: unknown) => unknown;
    const runAudited = (call: unknown) => {
      const trouble = trail.trouble();
      if (trouble === null) return run(call);
      throw new MeshError("STORE_UNAVAILABLE", `Nothing is changed that cannot be audited: ${trouble}.`);
    };
    return [operation, isAudited ? runAudited : handler];
  });
  // One of them for each of the given ones.
  return Object.fromEntries(guarded) as unknown as Handlers;
}

/** What the audit says of a call. */
export function auditOf(call: AuditedCall): AuditedAct {
  const { route, principal, address, result } = call;
  const action = route.audits ?? route.operationId;
  const isDone = result === "ok";
  const facts: CallFacts = {
    params: toFacts(call.params),
    body: toFacts(call.body),
    answer: call.answer instanceof Response ? {} : toFacts(call.answer),
  };
  return {
    subject: subjectOf(action, facts) ?? principal.subject,
    address,
    action,
    target: targetOf(action, facts, isDone),
    result,
    details: isDone ? detailsOf(action, facts) : {},
  };
}

/** Who logs in is known by the answer only. */
function subjectOf(action: string, { answer }: CallFacts): string | null {
  return action === "session.create" && typeof answer.subject === "string" ? answer.subject : null;
}

function toFacts(value: unknown): Facts {
  return typeof value === "object" && value !== null ? (value as Facts) : {};
}
