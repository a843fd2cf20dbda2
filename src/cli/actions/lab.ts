import { resolve } from "node:path";
import type { Fault, LabProgress, LabReport, LabSettings } from "../../lab/index.ts";
import { errorCodeOf, readTextIfExists, writeFileAtomic } from "../../platform/atomic-file.ts";
import { ownCommand } from "../../platform/child-processes.ts";
import { availableMemoryBytes } from "../../platform/machine-load.ts";
import { issueLines, MeshError } from "../../protocol/errors.ts";
import { nearestName } from "../../protocol/nearest-name.ts";
import type { CliContext } from "../context.ts";
import { printNote, printResult, toJsonText } from "../print.ts";
import { renderLabReport } from "../render/lab-report.ts";

export interface LabFlags {
  readonly nodes?: number;
  readonly slots?: number;
  readonly tasks?: number;
  readonly seed?: number;
  readonly chaos?: boolean;
  readonly faults?: readonly string[];
  readonly schedule?: string;
  readonly rate?: number;
  readonly safe?: number;
  readonly settle?: number;
  readonly report?: string;
  readonly keep?: boolean;
  readonly verbose?: boolean;
}

type Lab = typeof import("../../lab/index.ts");

const maxSeed = 2 ** 32 - 1;
const defaultSettleS = 120;

export async function runLabCommand(this: CliContext, flags: LabFlags): Promise<void> {
  const lab = await import("../../lab/index.ts");
  const settings = await toSettings(this, flags, lab);
  printNote(this, this.texts.lab.seed(settings.seed, settings.plan.length));
  const report = await runLabSeeded(this, lab, { settings, isVerbose: flags.verbose === true });
  if (flags.report !== undefined) await writeReport(this, flags.report, report);
  printResult(this, report, () => renderLabReport(report, this.texts.lab, this.stdout));
  if (!report.ok) this.endWith(1);
}

interface Run {
  readonly settings: LabSettings;
  readonly isVerbose: boolean;
}

/** An error tells the seed too: with --json nothing else does. */
async function runLabSeeded(context: CliContext, lab: Lab, run: Run): Promise<LabReport> {
  try {
    return await lab.runLab(run.settings, {
      clock: context.clock,
      fetch: context.fetch,
      createSecret: context.createSecret,
      version: context.version,
      command: ownCommand(),
      path: context.env.PATH ?? "/usr/bin:/bin",
      availableMemoryBytes: availableMemoryBytes(),
      signal: context.interrupt,
      onProgress: (progress) => tellProgress(context, progress, run),
    });
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    const { code, message, hint, details, cause } = error;
    throw new MeshError(code, message, { hint, cause, details: { ...details, seed: run.settings.seed } });
  }
}

async function toSettings(context: CliContext, flags: LabFlags, lab: Lab): Promise<LabSettings> {
  const { texts, createSecret } = context;
  const choices = [flags.chaos === true, flags.faults !== undefined, flags.schedule !== undefined];
  if (choices.filter((isGiven) => isGiven).length > 1) throw new MeshError("USAGE", texts.lab.exclusive);
  const within = (flag: keyof LabFlags, value: number, [min, max]: readonly [number, number]) => {
    if (value >= min && value <= max) return value;
    throw new MeshError("USAGE", texts.lab.outOfRange(flag, min, max));
  };
  const nodes = within("nodes", flags.nodes ?? 5, [1, 1000]);
  const tasks = within("tasks", flags.tasks ?? 1000, [1, 1_000_000]);
  const seed = within("seed", flags.seed ?? Number.parseInt(createSecret().slice(0, 8), 16), [0, maxSeed]);
  const kinds = flags.chaos === true ? lab.FaultKind.options : readKinds(context, flags.faults ?? [], lab);
  return {
    ...{ seed, nodes, tasks },
    slots: within("slots", flags.slots ?? 4, [1, 1000]),
    safeShare: within("safe", flags.safe ?? 70, [0, 100]) / 100,
    rate: flags.rate === undefined ? null : within("rate", flags.rate, [1, 1_000_000]),
    plan:
      flags.schedule === undefined
        ? lab.planFaults(seed, { kinds, tasks, nodes })
        : await readSchedule(context, flags.schedule, { lab, nodes }),
    schedule: flags.schedule ?? null,
    settleMs: (flags.settle ?? defaultSettleS) * 1000,
    keep: flags.keep === true,
  };
}

function readKinds({ texts }: CliContext, words: readonly string[], { FaultKind }: Lab) {
  return words.map((word) => {
    const kind = FaultKind.safeParse(word);
    if (kind.success) return kind.data;
    const { options } = FaultKind;
    throw new MeshError("USAGE", texts.errors.notOneOf("faults", word, options, nearestName(word, options)));
  });
}

async function readSchedule(
  { texts, cwd }: CliContext,
  file: string,
  { lab, nodes }: { readonly lab: Lab; readonly nodes: number },
): Promise<readonly Fault[]> {
  const hint = texts.lab.scheduleHint;
  const refuse = (problem: string) => new MeshError("USAGE", texts.lab.cannotRead(file, problem), { hint });
  const text = await readTextIfExists(resolve(cwd, file));
  if (text === null) throw refuse("ENOENT");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new MeshError("USAGE", texts.lab.cannotRead(file, String(cause)), { hint, cause });
  }
  const plan = lab.FaultPlan.safeParse(json);
  if (!plan.success) throw refuse(issueLines(plan.error).slice(0, 3).join("; "));
  const names = new Set(Array.from({ length: nodes }, (_, index) => lab.nodeName(index, nodes)));
  for (const { kind, target } of plan.data) {
    const wanted = lab.targetKind(kind);
    if (wanted === "node" && target !== "coordinator" && target !== "clients" && !names.has(target)) {
      throw new MeshError("USAGE", texts.lab.unknownTarget(target), { hint });
    }
    if (wanted === "node" ? !names.has(target) : wanted !== target) {
      throw new MeshError("USAGE", texts.lab.wrongTarget(kind, target), { hint });
    }
  }
  return [...plan.data].sort((a, b) => a.at_accepted - b.at_accepted);
}

function tellProgress(context: CliContext, progress: LabProgress, { settings, isVerbose }: Run): void {
  const { lab } = context.texts;
  const tell = (text: string) => printNote(context, text);
  switch (progress.kind) {
    case "starting":
      tell(lab.starting(settings.nodes, progress.directory));
      return;
    case "running":
      tell(lab.running(progress.accepted, settings.tasks, progress.ended, progress.faults));
      return;
    case "fault": {
      const { kind, target, duration_ms } = progress.fault;
      if (isVerbose) tell(lab.fault(kind, target, duration_ms));
      return;
    }
    case "left_out":
      tell(lab.leftOut(progress.fault, progress.reason));
      return;
    case "settling":
      tell(lab.settling(progress.open));
      return;
    case "counting":
      tell(lab.counting);
      return;
    default:
      progress satisfies never;
  }
}

async function writeReport({ texts, cwd }: CliContext, file: string, report: LabReport): Promise<void> {
  try {
    await writeFileAtomic(resolve(cwd, file), toJsonText(report), { mode: 0o600, overwrite: true });
  } catch (cause) {
    throw new MeshError("USAGE", texts.lab.cannotWrite(file, errorCodeOf(cause) ?? "?"), { cause });
  }
}
