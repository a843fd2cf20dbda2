import type { InstallableKind, Recommendation } from "../domain/provision/recommend-runtime.ts";
import type { DetectDeps } from "./detect-deps.ts";
import type { DetectedRuntime } from "./detected-runtime.ts";
import { gatewayFiles } from "./gateway/gateway-files.ts";
import { planInstall } from "./install/install.ts";
import type { PlannedStep } from "./install/install-plan.ts";
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
  const decision = await decideProvision(request.asked, deps);
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
  const start = request.startsGateway ? await planStarting(kind, deps) : [];
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
async function planStarting(kind: InstallableKind, deps: DetectDeps): Promise<readonly ProvisionStep[]> {
  const program = await findInstalled(kind, deps);
  if (program !== null && !(await needsProvider(kind, deps))) {
    return planStart(await findGatewayProgram(program, deps), deps);
  }
  const { log } = gatewayFiles(deps.dataDir, kind);
  const isOpenclaw = kind === "openclaw";
  const command = isOpenclaw ? ["openclaw", "gateway", "run"] : ["zeroclaw", "gateway", "start"];
  const url = `http://127.0.0.1:${isOpenclaw ? usualOpenclawPort : usualZeroclawPort}`;
  return [
    {
      do: "start",
      command: [...(program?.command ?? command.slice(0, 1)), ...command.slice(1)],
      logFile: log,
    },
    { do: "wait_ready", url, limitMs: isOpenclaw ? 180_000 : 60_000 },
  ];
}
