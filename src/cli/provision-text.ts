import { basename } from "node:path";
import type {
  DetectedRuntime,
  InstallableKind,
  PlannedStep,
  ProvideOutcome,
  ProvidePlan,
  ProvisionStep,
  Recommendation,
  RecommendationReason,
} from "../provision/index.ts";
import type { CliContext } from "./context.ts";
import { shellWord } from "./shell-word.ts";

type Texts = CliContext["texts"]["provision"];

/** One step as a line that tells how it is done by hand. */
export function stepText({ step: texts }: Texts, step: ProvisionStep): string {
  switch (step.do) {
    case "run":
      return texts.run(programText(texts, step), commandText(step.command));
    case "fetch":
      return texts.fetch(commandText(step.command), step.to, step.integrity);
    case "download":
      return texts.download(step.url, step.to);
    case "verify":
      return texts.verify(step.file, step.checksumsUrl);
    case "unpack":
      return texts.unpack(step.file, step.program);
    case "keep_previous":
      return texts.keepPrevious(step.from, step.to, step.link);
    case "place":
      return texts.place(step.to);
    case "write_config":
      return texts.writeConfig(step.path, step.backup);
    case "start":
      return texts.start(commandText(step.command), step.logFile);
    case "wait_ready":
      return texts.waitReady(step.url, Math.round(step.limitMs / 1000));
    case "pair":
      return texts.pair(step.url);
  }
}

function programText(
  texts: Texts["step"],
  { installs, version }: Extract<ProvisionStep, { do: "run" }>,
): string {
  return installs === "node" ? texts.installNode(version) : texts.installOpenclaw(version);
}

/** What a step that goes on is called on one short line. */
export function stepName(texts: Texts, step: ProvisionStep): string {
  return step.do === "download" || step.do === "fetch" ? basename(step.to) : stepText(texts, step);
}

function commandText(command: readonly string[]): string {
  return command.map(shellWord).join(" ");
}

export function planText(texts: Texts, plan: ProvidePlan): string {
  if (plan.will === "use") return texts.plan.use(detectedText(plan.runtime));
  const name = runtimeText(plan.kind, plan.version);
  const head =
    plan.recommendation === null
      ? texts.plan.start(name)
      : texts.plan.install(name, reasonsText(texts, plan.recommendation));
  const steps = plan.steps.map((planned, at) => `  ${at + 1}. ${plannedText(texts, planned)}`);
  return [head, ...steps, ...(plan.needsProvider ? [texts.plan.needsProvider] : [])].join("\n");
}

function plannedText(texts: Texts, { step, skipped }: PlannedStep): string {
  const text = stepText(texts, step);
  return skipped === null ? text : texts.step.skipped(text, skipped);
}

/** What was done, and why, as one line. */
export function outcomeText(texts: Texts, outcome: ProvideOutcome): string {
  const { done } = texts;
  if (outcome.did === "used") {
    const used = done.used(detectedText(outcome.runtime));
    const { problem } = outcome.runtime;
    return problem === null ? used : `${used} ${done.notReady(problem.message, problem.remedy)}`;
  }
  const { kind, version } = outcome.program;
  const name = runtimeText(kind, version);
  if (outcome.did === "started") return done.started(name, outcome.endpoint ?? "-");
  const why = reasonsText(texts, outcome.recommendation);
  if (outcome.endpoint === null) return done.installedOnly(name, why);
  const installed = done.installed(name, why, outcome.endpoint);
  return outcome.needsRestart ? `${installed} ${done.needsRestart(kind)}` : installed;
}

export function outcomeJson(outcome: ProvideOutcome) {
  if (outcome.did === "used") {
    const { kind, version, endpoint, state } = outcome.runtime;
    return { did: outcome.did, runtime: kind, version, endpoint, ready: state === "ready" };
  }
  const { program, endpoint, needsRestart } = outcome;
  const reasons = outcome.did === "installed" ? outcome.recommendation.reasons : [];
  return {
    did: outcome.did,
    runtime: program.kind,
    version: program.version,
    endpoint,
    ready: endpoint !== null,
    needs_restart: needsRestart,
    reasons,
  };
}

export function planJson(plan: ProvidePlan) {
  if (plan.will === "use") {
    const { kind, version, endpoint } = plan.runtime;
    return { dry_run: true, will: plan.will, runtime: kind, version, endpoint, steps: [] };
  }
  return {
    dry_run: true,
    will: plan.will,
    runtime: plan.kind,
    version: plan.version,
    reasons: plan.recommendation?.reasons ?? [],
    needs_provider: plan.needsProvider,
    steps: plan.steps.map(({ step, skipped }) => ({ ...step, skipped })),
  };
}

function runtimeText(kind: InstallableKind, version: string | null): string {
  const name = kind === "openclaw" ? "OpenClaw" : "ZeroClaw";
  return version === null ? name : `${name} ${version}`;
}

function detectedText({ product, version, endpoint }: DetectedRuntime): string {
  return [product, version, endpoint === null ? null : `at ${endpoint}`]
    .filter((part) => part !== null)
    .join(" ");
}

function reasonsText(texts: Texts, { reasons }: Recommendation): string {
  return reasons.map((reason) => reasonText(texts, reason)).join("; ");
}

export function reasonText({ reasons }: Texts, reason: RecommendationReason): string {
  switch (reason.kind) {
    case "node_too_old":
      return reasons.node_too_old(reason.version, reason.needs);
    case "little_memory":
    case "little_disk":
      return reasons[reason.kind](sizeText(reason.freeBytes), sizeText(reason.needsBytes));
    case "no_private_node":
    case "no_zeroclaw_build":
      return reasons[reason.kind](reason.platform, reason.arch);
    default:
      return reasons[reason.kind];
  }
}

export function sizeText(bytes: number): string {
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`;
}
