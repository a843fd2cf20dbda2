import { z } from "zod";
import { FaultKind, FaultPlan } from "./fault-plan.ts";

/** Tasks that a finding names at most; its count counts all. */
export const maxNamedTasks = 20;

const Count = z.int().min(0);

/** Something that must not be. */
const Finding = z.object({
  count: Count,
  /** `index`: the number of the task in the plan, which follows from the seed. */
  tasks: z
    .array(z.object({ index: Count, task_id: z.string().nullable(), detail: z.string() }))
    .max(maxNamedTasks),
});
export type Finding = z.infer<typeof Finding>;

const Distribution = z.object({
  count: Count,
  p50_ms: z.int().nullable(),
  p99_ms: z.int().nullable(),
  max_ms: z.int().nullable(),
});

/** What has to be nothing for a run to be good. */
export const Findings = z.object({
  /** Accepted, and not on record or not at an end. */
  unaccounted: Finding,
  /** An answer that is not the one that follows from the content. */
  wrong_answers: Finding,
  /** `unsafe` tasks that a runtime ran more than once. */
  forbidden_duplicates: Finding,
  /** The sender was told another end than the one on record. */
  told_otherwise: Finding,
  /** One key, more than one task. */
  accepted_twice: Finding,
  /** Succeeded, and no runtime ever answered it. */
  never_executed: Finding,
  /** An end that changed afterwards. */
  moved_after_end: Finding,
});
export type Findings = z.infer<typeof Findings>;
export type FindingName = keyof Findings;

/** What `claw-mesh lab` ends with. Fields are added, never changed, within one `format`. */
export const LabReport = z.object({
  format: z.literal(1),
  /** All findings are nothing. */
  ok: z.boolean(),
  version: z.string(),
  seed: Count,
  options: z.object({
    nodes: Count,
    slots: Count,
    tasks: Count,
    safe_share: z.number(),
    rate: z.number().nullable(),
    faults: z.array(FaultKind),
    schedule: z.string().nullable(),
  }),
  faults: z.object({
    planned: Count,
    injected: Count,
    by_kind: z.partialRecord(FaultKind, Count),
    /** Asked for, and not possible here. */
    left_out: z.array(z.object({ kind: FaultKind, reason: z.string() })),
    /** Of the plan as JSON: equal digests, equal plans. */
    plan_sha256: z.string(),
    plan: FaultPlan,
  }),
  tasks: z.object({
    planned: Count,
    submitted: Count,
    accepted: Count,
    /** By the code of the refusal. */
    refused: z.record(z.string(), Count),
    /** Sent, and nobody knows whether they were accepted: the run ended before that was clear. */
    unclear: Count,
    /** Sent once more with the same key: after a lost connection, or on purpose. */
    repeats: Count,
    succeeded: Count,
    failed: Count,
    failed_by_class: z.record(z.string(), Count),
    outcome_unknown: Count,
    cancelled: Count,
    expired: Count,
    attempts_more_than_one: Count,
  }),
  findings: Findings,
  executions: z.object({
    total: Count,
    refused: Count,
    /** `safe` tasks that a runtime ran more than once: allowed. */
    repeated_safe: Count,
  }),
  /** Of `safe` tasks: from the kill of a node to the next attempt's offer, while the coordinator was well. */
  failover: Distribution.extend({
    within_1_s: Count,
    /** Not counted above: the coordinator was dead, stopped or without a disk in between. */
    disturbed: Count,
    /** Those that took 1 s or longer. */
    slow: z
      .array(z.object({ index: Count, task_id: z.string().nullable(), node: z.string(), ms: Count }))
      .max(maxNamedTasks),
  }),
  /** From the kill of the coordinator until it took work again. */
  outages: Distribution.extend({ total_ms: z.int() }),
  timing: z.object({
    /** From the first task sent to the last one ended. */
    run_s: z.number(),
    /** From the first task sent to the last one accepted. */
    load_s: z.number(),
    accepted_per_s: z.number(),
    done_per_s: z.number(),
  }),
  resources: z.object({
    coordinator_peak_bytes: Count.nullable(),
    lab_peak_bytes: Count.nullable(),
  }),
  /** Where the logs are; null: it was removed. */
  directory: z.string().nullable(),
});
export type LabReport = z.infer<typeof LabReport>;
