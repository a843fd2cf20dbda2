import { expect, test } from "bun:test";
import { LabReport } from "../../lab/index.ts";
import { labTexts } from "../../locale/en-lab.ts";
import { renderLabReport } from "./lab-report.ts";

const nothing = { count: 0, tasks: [] };
const spread = { count: 0, p50_ms: null, p99_ms: null, max_ms: null };
const good: LabReport = LabReport.parse({
  format: 1,
  ok: true,
  version: "1.0.0",
  seed: 7,
  options: { nodes: 3, slots: 4, tasks: 10, safe_share: 0.7, rate: null, faults: [], schedule: null },
  faults: { planned: 0, injected: 0, by_kind: {}, left_out: [], plan_sha256: "0", plan: [] },
  tasks: {
    ...{ planned: 10, submitted: 10, accepted: 10, refused: {}, unclear: 0, repeats: 1, succeeded: 10 },
    ...{ failed: 0, failed_by_class: {}, outcome_unknown: 0, cancelled: 0, expired: 0 },
    attempts_more_than_one: 0,
  },
  findings: {
    ...{
      unaccounted: nothing,
      wrong_answers: nothing,
      forbidden_duplicates: nothing,
      told_otherwise: nothing,
    },
    ...{ accepted_twice: nothing, never_executed: nothing, moved_after_end: nothing },
  },
  executions: { total: 10, refused: 0, repeated_safe: 0 },
  failover: { ...spread, within_1_s: 0, disturbed: 0, slow: [] },
  outages: { ...spread, total_ms: 0 },
  timing: { run_s: 1, load_s: 1, accepted_per_s: 10, done_per_s: 10 },
  resources: { coordinator_peak_bytes: null, lab_peak_bytes: null },
  directory: null,
});

test("a good run ends with the promise", () => {
  const text = renderLabReport(good, labTexts, { hasColour: false });
  expect(text).toMatch(/^Seed +7\n/);
  expect(text).toMatch(/Findings +none\n/);
  expect(text).toEndWith("10 accepted, 10 accounted for.\n");
});

test("a bad run names the tasks and where the logs are", () => {
  const lost = { count: 1, tasks: [{ index: 4, task_id: "task_4", detail: "still \u001b[31mqueued" }] };
  const report: LabReport = {
    ...good,
    ok: false,
    directory: "/tmp/claw-mesh-lab-x",
    findings: { ...good.findings, unaccounted: lost },
    faults: { ...good.faults, left_out: [{ kind: "fill-disk", reason: "not here" }] },
  };
  const text = renderLabReport(report, labTexts, { hasColour: false });
  expect(text).toMatch(/Left out +fill-disk: not here\n/);
  expect(text).toMatch(/Findings +1 unaccounted\n/);
  expect(text).toContain("#4 task_4: still");
  expect(text).not.toContain("\u001b");
  expect(text).toContain("/tmp/claw-mesh-lab-x");
});
