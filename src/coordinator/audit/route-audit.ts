import { MeshError } from "../../protocol/errors.ts";
import { contract } from "../../protocol/http/contract.ts";
import type { AuditedCall, RouteAudit } from "../http/call.ts";
import type { Handlers } from "../http/contract-routes.ts";
import type { AuditedAct, AuditTrail } from "./audit-trail.ts";
import type { RefusalCounts } from "./refusal-counts.ts";
import { type CallFacts, detailsOf, type Facts, targetOf } from "./route-acts.ts";

interface RouteAuditOptions {
  readonly trail: AuditTrail;
  readonly refusals: RefusalCounts;
}

/**
 * Records the calls of routes that have `audits`: resolves when what was done is stored, and at once for what was refused.
 * It never rejects: a change that was made must be answered as made. What the disk did not take is tried again by the
 * trail, and {@link onlyAudited} lets nothing more be done until then.
 */
export function createRouteAudit({ trail, refusals }: RouteAuditOptions): RouteAudit {
  return async (call) => {
    const act = auditOf(call);
    // Anybody may do what needs no token, as often as he likes.
    if (act.result !== "ok" || act.subject === "anonymous") return refusals.note(act);
    // The trail has logged it.
    await trail.record(act).catch(() => undefined);
  };
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
