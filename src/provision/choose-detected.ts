import type { RuntimeKind } from "../protocol/capability.ts";
import { runtimePreference } from "../runtimes/runtime-settings.ts";
import type { DetectedRuntime } from "./detected-runtime.ts";

/** What a node of this machine would use, and why not the others. */
export interface DetectedChoice {
  /** null: nothing of what was found takes messages, now or once it is put right. */
  readonly chosen: DetectedRuntime | null;
  /**
   * `not_ready`: it runs, so that the node becomes ready when it does; `set_up`: it is set up here, and the node becomes ready
   * when it is started.
   */
  readonly because: "only_ready" | "preferred" | "not_ready" | "set_up" | "none_found" | "none_usable";
  /** In the order in which a node prefers them. */
  readonly passedOver: readonly PassedOver[];
}

interface PassedOver {
  readonly runtime: DetectedRuntime;
  readonly because: "less_preferred" | "not_ready" | "stopped" | "other_kind" | "foreign" | "bridge";
}

/**
 * Chooses by readiness, then by kind as in {@link runtimePreference}, then by the order in which they were detected. An OpenClaw
 * or ZeroClaw that is set up here goes before every agent and server, whatever its state: at the start of a machine it may only
 * be starting, and a node that took a bare model then would keep it. What another user runs is never chosen, nor, where any
 * kind will do, an agent that only leads to a gateway.
 * @param kind - null: any
 */
export function chooseDetected(
  detected: readonly DetectedRuntime[],
  kind: RuntimeKind | null,
): DetectedChoice {
  const ranked = [...detected].sort((a, b) => rankOf(a) - rankOf(b));
  const fitting = ranked.filter((runtime) => kind === null || runtime.kind === kind);
  const usable = fitting.filter((runtime) => runtime.isForeign !== true && !isBridge(runtime, kind));
  const claws = usable.filter(isSetUpClaw);
  const ready = usable.filter(({ state }) => state === "ready");
  const readiest = claws.toSorted((a, b) => readiness.indexOf(a.state) - readiness.indexOf(b.state))[0];
  const chosen = readiest ?? ready[0] ?? null;
  const passedOver = ranked
    .filter((runtime) => runtime !== chosen)
    .map((runtime): PassedOver => ({ runtime, because: explainPassing(runtime, kind) }));
  return { chosen, because: explainChoice(fitting.length, ready.length, chosen), passedOver };
}

const readiness: readonly DetectedRuntime["state"][] = ["ready", "not_ready", "stopped"];

function rankOf({ kind }: DetectedRuntime): number {
  return runtimePreference.indexOf(kind);
}

/** Its gateway answers, or there are both its program and its configuration: one without the other is a remainder. */
function isSetUpClaw({ kind, state, program, endpoint }: DetectedRuntime): boolean {
  if (kind !== "openclaw" && kind !== "zeroclaw") return false;
  return state !== "stopped" || (program !== null && endpoint !== null);
}

function isBridge({ leadsTo }: DetectedRuntime, wanted: RuntimeKind | null): boolean {
  return wanted === null && leadsTo !== undefined;
}

function explainChoice(
  fitting: number,
  ready: number,
  chosen: DetectedRuntime | null,
): DetectedChoice["because"] {
  if (chosen === null) return fitting === 0 ? "none_found" : "none_usable";
  if (chosen.state === "not_ready") return "not_ready";
  if (chosen.state === "stopped") return "set_up";
  return ready === 1 ? "only_ready" : "preferred";
}

function explainPassing(runtime: DetectedRuntime, wanted: RuntimeKind | null): PassedOver["because"] {
  const { kind, state } = runtime;
  if (wanted !== null && kind !== wanted) return "other_kind";
  if (runtime.isForeign === true) return "foreign";
  if (isBridge(runtime, wanted)) return "bridge";
  return state === "ready" ? "less_preferred" : state;
}

/** The choice as one English sentence for the log. */
export function describeChoice({ chosen, because, passedOver }: DetectedChoice): string {
  const others = passedOver
    .filter((other) => other.because !== "other_kind")
    .map((other) => `${nameOf(other.runtime)} (${describePassing(other)})`);
  const tail = others.length === 0 ? "" : `; passed over: ${others.join(", ")}`;
  if (chosen === null) return `no runtime of this machine can be used${tail}`;
  return `using ${nameOf(chosen)}, ${reasons[because]}${tail}${describeInstead(chosen, passedOver)}`;
}

/** How to have one that is ready in the place of one that is not. */
function describeInstead(chosen: DetectedRuntime, passedOver: readonly PassedOver[]): string {
  const other = passedOver.find(({ because }) => because === "less_preferred")?.runtime;
  return chosen.state === "ready" || other === undefined
    ? ""
    : `; to use ${other.product} instead: --runtime ${other.kind}`;
}

const reasons: Readonly<Record<DetectedChoice["because"], string>> = {
  only_ready: "the only one that is ready",
  preferred: "the first of those that are ready in the order of preference",
  not_ready: "which runs and is not ready yet",
  set_up: "which is set up here and does not run yet",
  none_found: "",
  none_usable: "",
};

function nameOf({ product, version, endpoint, program }: DetectedRuntime): string {
  const where = endpoint ?? program;
  return `${product}${version === null ? "" : ` ${version}`}${where === null ? "" : ` at ${where}`}`;
}

function describePassing({ runtime, because }: PassedOver): string {
  if (because === "less_preferred") return "ready, comes later";
  if (because === "bridge") return `leads to the gateway of ${runtime.leadsTo}`;
  return runtime.problem === null ? because : `${because.replace("_", " ")}: ${runtime.problem.message}`;
}
