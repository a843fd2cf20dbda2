import type { AuditEntry } from "../../protocol/audit.ts";

/** What somebody did or tried; the trail adds the time and the place in the chain. */
export interface AuditedAct {
  readonly subject: string;
  /** null: the coordinator itself. */
  readonly address: string | null;
  readonly action: string;
  readonly target: string | null;
  /** `ok`, or the code of the error. */
  readonly result: string;
  readonly details?: AuditEntry["details"];
}

/** Where everybody who does something that matters says so. */
export interface AuditTrail {
  /**
   * Resolves when it is stored; rejects as the store does, and with STORE_UNAVAILABLE when too many wait. What was
   * rejected by the store is kept and tried again for as long as the coordinator runs.
   */
  readonly record: (act: AuditedAct) => Promise<void>;
  /** For what nobody waits for: a failure is logged. */
  readonly note: (act: AuditedAct) => void;
  /** Why nothing can be written now: what would have to be recorded must not be done. null: all is well. */
  readonly trouble: () => string | null;
}
