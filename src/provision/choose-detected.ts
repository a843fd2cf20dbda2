import type { RuntimeKind } from "../protocol/capability.ts";
import { runtimePreference } from "../runtimes/runtime-settings.ts";
import type { DetectedRuntime } from "./detected-runtime.ts";

/** What a node of this machine would use, and why not the others. */
export interface DetectedChoice {
  /** null: nothing of what was found takes messages, now or once it is put right. */
  readonly chosen: DetectedRuntime | null;
  /** `not_ready`: none is ready, and this one runs, so that the node becomes ready when it does. */
  readonly because: "only_ready" | "preferred" | "not_ready" | "none_found" | "none_usable";
  /** In the order in which a node prefers them. */
  readonly passedOver: readonly PassedOver[];
}

interface PassedOver {
  readonly runtime: DetectedRuntime;
  readonly because: "less_preferred" | "not_ready" | "stopped" | "other_kind";
}

/**
 * Chooses by readiness, then by kind as in {@link runtimePreference}, then by the order in which they were detected. Where none
 * is ready, a gateway of an agent that runs is taken nevertheless: it may only be starting, or lack its token.
 * @param kind - null: any
 */
export function chooseDetected(
  detected: readonly DetectedRuntime[],
  kind: RuntimeKind | null,
): DetectedChoice {
  const ranked = [...detected].sort((a, b) => rankOf(a) - rankOf(b));
  const fitting = ranked.filter((runtime) => kind === null || runtime.kind === kind);
  const ready = fitting.filter(({ state }) => state === "ready");
  const chosen = ready[0] ?? fitting.find(isWorthWaitingFor) ?? null;
  const passedOver = ranked
    .filter((runtime) => runtime !== chosen)
    .map((runtime): PassedOver => ({ runtime, because: explainPassing(runtime, kind) }));
  return { chosen, because: explainChoice(fitting.length, ready.length, chosen), passedOver };
}

function rankOf({ kind }: DetectedRuntime): number {
  return runtimePreference.indexOf(kind);
}

function isWorthWaitingFor({ kind, state }: DetectedRuntime): boolean {
  return state === "not_ready" && (kind === "openclaw" || kind === "zeroclaw");
}

function explainChoice(
  fitting: number,
  ready: number,
  chosen: DetectedRuntime | null,
): DetectedChoice["because"] {
  if (chosen === null) return fitting === 0 ? "none_found" : "none_usable";
  if (ready === 0) return "not_ready";
  return ready === 1 ? "only_ready" : "preferred";
}

function explainPassing({ kind, state }: DetectedRuntime, wanted: RuntimeKind | null): PassedOver["because"] {
  if (wanted !== null && kind !== wanted) return "other_kind";
  return state === "ready" ? "less_preferred" : state;
}

/** The choice as one English sentence for the log. */
export function describeChoice({ chosen, because, passedOver }: DetectedChoice): string {
  const others = passedOver
    .filter((other) => other.because !== "other_kind")
    .map((other) => `${nameOf(other.runtime)} (${describePassing(other)})`);
  const tail = others.length === 0 ? "" : `; passed over: ${others.join(", ")}`;
  if (chosen === null) return `no runtime of this machine can be used${tail}`;
  return `using ${nameOf(chosen)}, ${reasons[because]}${tail}`;
}

const reasons: Readonly<Record<DetectedChoice["because"], string>> = {
  only_ready: "the only one that is ready",
  preferred: "the first of those that are ready in the order of preference",
  not_ready: "which runs and is not ready yet",
  none_found: "",
  none_usable: "",
};

function nameOf({ product, version, endpoint, program }: DetectedRuntime): string {
  const where = endpoint ?? program;
  return `${product}${version === null ? "" : ` ${version}`}${where === null ? "" : ` at ${where}`}`;
}

function describePassing({ runtime, because }: PassedOver): string {
  if (because === "less_preferred") return "ready, comes later";
  return runtime.problem === null ? because : `${because.replace("_", " ")}: ${runtime.problem.message}`;
}
