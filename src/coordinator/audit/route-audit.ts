import { MeshError } from "../../protocol/errors.ts";
import type { AuditedAct, AuditTrail } from "./audit-trail.ts";
import type { RefusalCounts } from "./refusal-counts.ts";
import { type CallFacts, detailsOf, type Facts, targetOf } from "./route-acts.ts";

/** A call of a route that has `audits`, and what became of it. */
export interface AuditedCall {
  /** The route's `audits`. */
  readonly action: string;
  /** Of the principal; `anonymous` when nobody was let in. */
  readonly subject: string;
  readonly address: string;
  /** As parsed; undefined: none, or it did not come so far. */
  readonly params: unknown;
  readonly body: unknown;
  /** What the handler returned; a `Response` tells nothing. */
  readonly answer?: unknown;
  /** What it threw; absent: it was done. */
  readonly error?: unknown;
}

/** What the HTTP server says of calls to routes that have `audits`. */
export interface RouteAudit {
  /**
   * Throws STORE_UNAVAILABLE while the audit cannot be written: such a call must be refused before it does anything.
   * Calls that are under way then are recorded when the disk works again.
   */
  readonly assertWritable: () => void;
  /** Resolves when what was done is stored, and at once for what was refused. Never rejects. */
  readonly record: (call: AuditedCall) => Promise<void>;
}

interface RouteAuditOptions {
  readonly trail: AuditTrail;
  readonly refusals: RefusalCounts;
}

export function createRouteAudit({ trail, refusals }: RouteAuditOptions): RouteAudit {
  return {
    assertWritable: () => {
      const trouble = trail.trouble();
      if (trouble === null) return;
      throw new MeshError("STORE_UNAVAILABLE", `Nothing is done that cannot be audited: ${trouble}.`);
    },
    record: async (call) => {
      const act = auditOf(call);
      // Anybody may do what needs no token, as often as he likes.
      if (act.result !== "ok" || act.subject === "anonymous") return refusals.note(act);
      // It was done, and its caller has to be told what came of it. The trail has logged what failed, and tries again.
      await trail.record(act).catch(() => undefined);
    },
  };
}

/** What the audit says of a call. */
export function auditOf(call: AuditedCall): AuditedAct {
  const isDone = call.error === undefined;
  const facts: CallFacts = {
    params: toFacts(call.params),
    body: toFacts(call.body),
    answer: call.answer instanceof Response ? {} : toFacts(call.answer),
  };
  // Only a login names its subject in the answer: nobody was known before.
  const { subject } = facts.answer;
  return {
    subject: call.action === "session.create" && typeof subject === "string" ? subject : call.subject,
    address: call.address,
    action: call.action,
    target: targetOf(call.action, facts, isDone),
    result: isDone ? "ok" : codeOf(call.error),
    details: isDone ? detailsOf(call.action, facts) : {},
  };
}

function codeOf(error: unknown): string {
  return error instanceof MeshError ? error.code : "INTERNAL";
}

function toFacts(value: unknown): Facts {
  return typeof value === "object" && value !== null ? (value as Facts) : {};
}
