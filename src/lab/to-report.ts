import { toDistribution } from "./failover.ts";
import { FaultKind } from "./fault-plan.ts";
import type { InjectedFault } from "./fault-runner.ts";
import type { LabSettings } from "./lab-settings.ts";
import { isClean, type Ledger } from "./ledger.ts";
import { type LabReport, maxNamedTasks } from "./report.ts";

/** A failover that takes as long is named in the report. */
const slowMs = 1000;

/** What a run was like, besides its tasks. */
export interface RunFacts {
  readonly injected: readonly InjectedFault[];
  readonly leftOut: readonly { readonly kind: FaultKind; readonly reason: string }[];
  readonly planDigest: string;
  readonly loadMs: number;
  readonly runMs: number;
  readonly coordinatorPeakBytes: number | null;
  readonly labPeakBytes: number | null;
}

export interface ReportInput {
  readonly settings: LabSettings;
  readonly version: string;
  readonly directory: string;
  readonly ledger: Ledger;
  readonly facts: RunFacts;
}

export function toReport({ settings, version, directory, ledger, facts }: ReportInput): LabReport {
  const { plan, seed, nodes, slots, tasks, rate, schedule } = settings;
  const outages = facts.injected
    .filter(({ kind }) => kind === "kill-coordinator")
    .map(({ startedAtMs, endedAtMs }) => endedAtMs - startedAtMs);
  const calm = ledger.failovers.filter(({ isDisturbed }) => !isDisturbed);
  const calmMs = calm.map(({ ms }) => ms);
  const ended = ledger.tasks.succeeded + ledger.tasks.failed + ledger.tasks.cancelled + ledger.tasks.expired;
  return {
    format: 1,
    ok: isClean(ledger),
    version,
    seed,
    options: {
      ...{ nodes, slots, tasks, safe_share: settings.safeShare, rate, schedule },
      faults: [...new Set(plan.map(({ kind }) => kind))].sort(),
    },
    faults: {
      planned: plan.length,
      injected: facts.injected.length,
      by_kind: countKinds(facts.injected),
      left_out: [...facts.leftOut],
      plan_sha256: facts.planDigest,
      plan: [...plan],
    },
    tasks: { planned: tasks, ...ledger.tasks },
    findings: ledger.findings,
    executions: ledger.executions,
    failover: {
      ...toDistribution(calmMs),
      within_1_s: calmMs.filter((ms) => ms < slowMs).length,
      disturbed: ledger.failovers.length - calm.length,
      slow: calm
        .filter(({ ms }) => ms >= slowMs)
        .sort((a, b) => b.ms - a.ms)
        .slice(0, maxNamedTasks)
        .map(({ index, taskId, node, ms }) => ({ index, task_id: taskId, node, ms })),
    },
    outages: { ...toDistribution(outages), total_ms: outages.reduce((sum, ms) => sum + ms, 0) },
    timing: {
      run_s: toSeconds(facts.runMs),
      load_s: toSeconds(facts.loadMs),
      accepted_per_s: perSecond(ledger.tasks.accepted, facts.loadMs),
      done_per_s: perSecond(ended, facts.runMs),
    },
    resources: { coordinator_peak_bytes: facts.coordinatorPeakBytes, lab_peak_bytes: facts.labPeakBytes },
    directory,
  };
}

/** In the order of the kinds: which fault is over first is left to chance. */
function countKinds(injected: readonly InjectedFault[]): Partial<Record<FaultKind, number>> {
  const counts: Partial<Record<FaultKind, number>> = {};
  for (const kind of FaultKind.options) {
    const count = injected.filter((fault) => fault.kind === kind).length;
    if (count > 0) counts[kind] = count;
  }
  return counts;
}

function toSeconds(ms: number): number {
  return Math.round(ms / 10) / 100;
}

function perSecond(count: number, ms: number): number {
  return ms <= 0 ? 0 : Math.round((count * 10_000) / ms) / 10;
}
