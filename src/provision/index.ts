export type { MachineFacts } from "../domain/provision/machine-facts.ts";
export {
  type InstallableKind,
  isObstacle,
  type Recommendation,
  type RecommendationReason,
  recommendRuntime,
} from "../domain/provision/recommend-runtime.ts";
export { matchNodePackage, matchZeroclawTriple } from "../domain/provision/runtime-builds.ts";
export { type MachineProbeDeps, probeMachine } from "./machine-probe.ts";
