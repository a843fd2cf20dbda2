export type { MachineFacts } from "../domain/provision/machine-facts.ts";
export {
  type InstallableKind,
  isObstacle,
  type Recommendation,
  type RecommendationReason,
  recommendRuntime,
} from "../domain/provision/recommend-runtime.ts";
export { matchNodePackage, matchZeroclawTriple } from "../domain/provision/runtime-builds.ts";
export { chooseDetected, type DetectedChoice, describeChoice } from "./choose-detected.ts";
export { type DetectDeps, type UsualServer, usualServers } from "./detect-deps.ts";
export { detectRuntimes } from "./detect-runtimes.ts";
export type { DetectedRuntime } from "./detected-runtime.ts";
export { type MachineProbeDeps, probeMachine } from "./machine-probe.ts";
