import type { FindingName, LabReport } from "../../lab/index.ts";
import type { Catalogue } from "../../locale/index.ts";
import type { Output } from "../../platform/terminal.ts";
import { createPaint } from "./paint.ts";
import { toSafeLine } from "./safe-text.ts";

type LabTexts = Catalogue["lab"];

/** The ledger for people: a label and a value on each line, and the verdict. */
export function renderLabReport(
  report: LabReport,
  texts: LabTexts,
  output: Pick<Output, "hasColour">,
): string {
  const paint = createPaint(output);
  const rows = [...aboutRun(report, texts), ...aboutTasks(report, texts), ...aboutTimes(report, texts)];
  const width = Math.max(...rows.map(([label]) => Bun.stringWidth(label))) + 2;
  const lines = rows.map(
    ([label, value]) => label + " ".repeat(width - Bun.stringWidth(label)) + toSafeLine(value),
  );
  const verdict = report.ok ? paint("green", texts.ok(report.tasks.accepted)) : paint("red", texts.notOk);
  return `${[...lines, ...namedTasks(report, texts).map((line) => paint("red", line)), "", verdict].join("\n")}\n`;
}

type Row = readonly [label: string, value: string];

function aboutRun({ seed, options, faults }: LabReport, texts: LabTexts): readonly Row[] {
  const { labels } = texts;
  const kinds = countsText(faults.by_kind);
  return [
    [labels.seed, String(seed)],
    [labels.mesh, texts.mesh(options.nodes, options.slots)],
    [labels.faults, texts.faults(faults.injected, faults.planned, kinds)],
    ...faults.left_out.map(({ kind, reason }): Row => [labels.leftOut, `${kind}: ${reason}`]),
    ...(faults.planned === 0 ? [] : [[labels.plan, `sha256 ${faults.plan_sha256}`] as const]),
  ];
}

function aboutTasks({ tasks, executions, findings }: LabReport, texts: LabTexts): readonly Row[] {
  const { labels } = texts;
  const sent = texts.tasks(tasks.submitted, tasks.accepted, tasks.repeats);
  const found = entries(findings).filter(([, { count }]) => count > 0);
  return [
    [labels.tasks, tasks.unclear === 0 ? sent : `${sent}; ${texts.unclear(tasks.unclear)}`],
    ...(Object.keys(tasks.refused).length === 0
      ? []
      : [[labels.refused, countsText(tasks.refused)] as const]),
    [
      labels.ends,
      `${texts.ends(tasks.succeeded, tasks.failed, tasks.cancelled, tasks.expired)}; ${texts.moreAttempts(tasks.attempts_more_than_one)}`,
    ],
    ...(tasks.failed === 0 ? [] : [[labels.failures, countsText(tasks.failed_by_class)] as const]),
    [labels.executions, texts.executions(executions.total, executions.refused, executions.repeated_safe)],
    [
      labels.findings,
      found.length === 0
        ? texts.none
        : found.map(([name, { count }]) => `${count} ${texts.findings[name]}`).join(", "),
    ],
  ];
}

function aboutTimes(report: LabReport, texts: LabTexts): readonly Row[] {
  const { failover, outages, timing, resources, directory } = report;
  const { labels, ms, mib } = texts;
  const spread = ({ count, p50_ms, p99_ms, max_ms }: LabReport["outages"] | LabReport["failover"]) =>
    texts.distribution(count, ms(p50_ms), ms(p99_ms), ms(max_ms));
  const disturbed = failover.disturbed === 0 ? "" : `; ${texts.disturbed(failover.disturbed)}`;
  return [
    ...(failover.count + failover.disturbed === 0
      ? []
      : [
          [
            labels.failover,
            `${spread(failover)}; ${texts.withinSecond(failover.within_1_s)}${disturbed}`,
          ] as const,
        ]),
    ...failover.slow.map(
      ({ index, task_id, node, ms: took }): Row => [
        labels.slow,
        texts.named(index, task_id ?? "-", `${ms(took)}, ${node}`),
      ],
    ),
    ...(outages.count === 0 ? [] : [[labels.outages, spread(outages)] as const]),
    [labels.throughput, texts.throughput(timing.accepted_per_s, timing.done_per_s, timing.run_s)],
    [labels.memory, texts.memory(mib(resources.coordinator_peak_bytes), mib(resources.lab_peak_bytes))],
    ...(directory === null ? [] : [[labels.logs, directory] as const]),
  ];
}

function namedTasks({ findings }: LabReport, texts: LabTexts): readonly string[] {
  return entries(findings)
    .filter(([, { count }]) => count > 0)
    .flatMap(([name, { tasks }]) => [
      `${texts.findings[name]}:`,
      ...tasks.map(({ index, task_id, detail }) =>
        toSafeLine(`  ${texts.named(index, task_id ?? "-", detail)}`),
      ),
    ]);
}

function entries(findings: LabReport["findings"]) {
  return Object.entries(findings) as [FindingName, LabReport["findings"][FindingName]][];
}

function countsText(counts: Readonly<Record<string, number | undefined>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count ?? 0}`)
    .join(", ");
}
