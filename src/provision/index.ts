export type {
  InstallableKind,
  Recommendation,
  RecommendationReason,
} from "../domain/provision/recommend-runtime.ts";
export { chooseDetected, type DetectedChoice } from "./choose-detected.ts";
export type { DetectDeps } from "./detect-deps.ts";
export { detectRuntimes } from "./detect-runtimes.ts";
export type { DetectedRuntime } from "./detected-runtime.ts";
export {
  type FindDeps,
  type FoundRuntime,
  findRuntime,
  type RuntimeWish,
} from "./find-runtime.ts";
export { followLog } from "./gateway/follow-log.ts";
export { readLogTail } from "./gateway/gateway-log.ts";
export { startGateway } from "./gateway/start-gateway.ts";
export { readGatewayState, stopGateway } from "./gateway/stop-gateway.ts";
export type { GatewayProgram } from "./gateway-program.ts";
export type { PlannedStep } from "./install/install-plan.ts";
export { type ProbedRuntime, probeAddress, probeDetected } from "./probe-runtime.ts";
export { decideInstallation } from "./provide-decision.ts";
export { type ProvidePlan, planInstallation, planProvision } from "./provide-plan.ts";
export {
  installRuntime,
  type ProvidedSettings,
  type ProvideOutcome,
  type ProvideRequest,
  provideRuntime,
} from "./provide-runtime.ts";
export type { ProviderSettings } from "./provider-settings.ts";
export type { ProvisionDeps } from "./provision-deps.ts";
export type { OnProvisionProgress, ProvisionProgress, ProvisionStep } from "./provision-step.ts";
export { findGatewayProgram, planSetup, setUpRuntime } from "./setup/set-up-runtime.ts";
export { superviseGateway } from "./supervise/supervise-gateway.ts";
export { findAnyGateway, findLocalGateway, superviseUntilReady } from "./supervise/supervise-runtimes.ts";
export type { SupervisedGateway } from "./supervised-gateway.ts";
