import { join } from "node:path";
import type { InstallableKind, Recommendation } from "../domain/provision/recommend-runtime.ts";
import type { DetectDeps } from "./detect-deps.ts";
import type { DetectedRuntime } from "./detected-runtime.ts";
import { gatewayFiles } from "./gateway/gateway-files.ts";
import { planInstall } from "./install/install.ts";
import type { InstallPlan, PlannedStep } from "./install/install-plan.ts";
import type { InstalledProgram } from "./installed-program.ts";
import { findInstalled } from "./installed-programs.ts";
import { decideInstallation, decideProvision, type ProvideDecision } from "./provide-decision.ts";
import { needsProvider, type ProvideRequest, requireKind } from "./provide-runtime.ts";
import type { ProviderSettings } from "./provider-settings.ts";
import type { ProvisionStep } from "./provision-step.ts";
import { usualOpenclawPort } from "./setup/openclaw-config.ts";
import { findGatewayProgram, planSetup, planStart } from "./setup/set-up-runtime.ts";
import { usualZeroclawPort } from "./setup/zeroclaw-config.ts";

/** What `--dry-run` shows. */
export type ProvidePlan =
  | { readonly will: "use"; readonly runtime: DetectedRuntime }
  | {
      readonly will: "start" | "install";
      readonly kind: InstallableKind;
      readonly version: string | null;
      /** Why this one; null: it is there. */
      readonly recommendation: Recommendation | null;
      readonly needsProvider: boolean;
      readonly steps: readonly PlannedStep[];
    };

export type PlanRequest = Pick<ProvideRequest, "asked" | "version" | "startsGateway"> & {
  /** As far as flags and environment tell it. */
  readonly provider: ProviderSettings | null;
};

/** What `provideRuntime` would do. Changes nothing. @throws MeshError as it does */
export async function planProvision(request: PlanRequest, deps: DetectDeps): Promise<ProvidePlan> {
  const decision = await decideProvision(request, deps);
  return decision.do === "use"
    ? { will: "use", runtime: decision.runtime }
    : await planDecision(decision, request, deps);
}

/** What `installRuntime` would do. Changes nothing. @throws MeshError as it does */
export async function planInstallation(request: PlanRequest, deps: DetectDeps): Promise<ProvidePlan> {
  return await planDecision(await decideInstallation(request.asked, deps), request, deps);
}

async function planDecision(
  decision: Exclude<ProvideDecision, { do: "use" }>,
  request: PlanRequest,
  deps: DetectDeps,
): Promise<ProvidePlan> {
  const kind =
    decision.do === "start" ? decision.program.kind : requireKind(decision.recommendation, decision.facts);
  const install =
    decision.do === "start"
      ? null
      : await planInstall(kind, { version: request.version, facts: decision.facts }, deps);
  const setup = await planSetup(kind, request.provider, deps);
  const start = request.startsGateway ? await planStarting({ kind, install }, deps) : [];
  return {
    will: decision.do,
    kind,
    version: install?.version ?? (decision.do === "start" ? decision.program.version : null),
    recommendation: decision.do === "start" ? null : decision.recommendation,
    needsProvider: await needsProvider(kind, deps),
    steps: [
      ...(install?.steps ?? []),
      ...[...setup, ...start].map((step): PlannedStep => ({ step, skipped: null })),
    ],
  };
}

/** By its own configuration where it has one, else as it will be. */
async function planStarting(
  { kind, install }: { readonly kind: InstallableKind; readonly install: InstallPlan | null },
  deps: DetectDeps,
): Promise<readonly ProvisionStep[]> {
  const program =
    install !== null && install.installed === null
      ? plannedProgram(install)
      : await findInstalled(kind, deps);
  if (program !== null && !(await needsProvider(kind, deps))) {
    return planStart(await findGatewayProgram(program, deps), deps);
  }
  const { log } = gatewayFiles(deps.dataDir, kind);
  const isOpenclaw = kind === "openclaw";
  const args = ["gateway", isOpenclaw ? "run" : "start"];
  const url = `http://127.0.0.1:${isOpenclaw ? usualOpenclawPort : usualZeroclawPort}`;
  return [
    {
      do: "start",
      command: [...(program?.command ?? [kind]), ...args],
      logFile: log,
    },
    { do: "wait_ready", url, limitMs: isOpenclaw ? 180_000 : 60_000 },
  ];
}

/** As it can be called by hand once it is there. */
function plannedProgram(install: InstallPlan): InstalledProgram {
  const { kind, version } = install;
  const program = kind === "openclaw" ? join(install.prefix, "bin", "openclaw") : install.program;
  return { kind, version, command: [program], env: {} };
}
