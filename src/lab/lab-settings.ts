import type { Fault } from "./fault-plan.ts";

export interface LabSettings {
  readonly seed: number;
  readonly nodes: number;
  readonly slots: number;
  readonly tasks: number;
  /** From 0 to 1. */
  readonly safeShare: number;
  /** Tasks a second at most; null: as fast as they are taken. */
  readonly rate: number | null;
  readonly plan: readonly Fault[];
  /** The file that holds the plan; null: it follows from the seed. */
  readonly schedule: string | null;
  /** How long tasks may take to end after the last one was accepted. */
  readonly settleMs: number;
  /** Leaves the directory with logs and databases. It is left anyway when something was found. */
  readonly keep: boolean;
}
