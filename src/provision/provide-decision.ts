import { basename } from "node:path";
import type { MachineFacts } from "../domain/provision/machine-facts.ts";
import {
  type InstallableKind,
  type Recommendation,
  recommendRuntime,
} from "../domain/provision/recommend-runtime.ts";
import { chooseDetected } from "./choose-detected.ts";
import type { DetectDeps } from "./detect-deps.ts";
import { detectRuntimes } from "./detect-runtimes.ts";
import type { DetectedRuntime } from "./detected-runtime.ts";
import { openclawNodeRange } from "./install/pins.ts";
import type { InstalledProgram } from "./installed-program.ts";
import { findInstalled } from "./installed-programs.ts";
import { probeMachine } from "./machine-probe.ts";
import { isSameVersion } from "./program-version.ts";

/** What has to be done for a node to have a runtime. */
export type ProvideDecision =
  /** One takes messages, or runs and says itself what it lacks. */
  | { readonly do: "use"; readonly runtime: DetectedRuntime }
  /** One is installed and does not run. */
  | { readonly do: "start"; readonly program: InstalledProgram }
  | {
      readonly do: "install";
      /** null: the machine can have none. */
      readonly kind: InstallableKind | null;
      readonly facts: MachineFacts;
      readonly recommendation: Recommendation;
    };

const installableKinds: readonly InstallableKind[] = ["openclaw", "zeroclaw"];

export interface ProvideWish {
  /** What `--runtime` says; null: the machine decides. */
  readonly asked: InstallableKind | null;
  /** What `--runtime-version` says; null: any will do. */
  readonly version: string | null;
}

/**
 * Looks for what is there before anything is installed. Changes nothing.
 * Another version than the one that was asked for is as good as none.
 */
export async function decideProvision(
  { asked, version }: ProvideWish,
  deps: DetectDeps,
): Promise<ProvideDecision> {
  const detected = await detectRuntimes(deps);
  const { chosen } = chooseDetected(
    detected.filter((runtime) => !isOwnBridge(runtime)),
    asked,
  );
  if (chosen !== null && chosen.state !== "stopped" && !isOtherVersion(chosen, version))
    return { do: "use", runtime: chosen };
  // The one that is set up here goes before one that is only installed.
  const first = installableKinds.filter((kind) => kind === chosen?.kind);
  for (const kind of asked === null ? new Set([...first, ...installableKinds]) : [asked]) {
    const program = await findInstalled(kind, deps);
    if (program === null) continue;
    if (version === null || (program.version !== null && isSameVersion(program.version, version)))
      return { do: "start", program };
  }
  return await decideInstallation(asked, deps);
}

/** What is to be installed, whatever is there. Runs `--version` of npm and Node.js, nothing else. */
export async function decideInstallation(
  asked: InstallableKind | null,
  deps: Pick<DetectDeps, "env" | "clock">,
): Promise<Extract<ProvideDecision, { do: "install" }>> {
  const facts = await probeMachine({ env: deps.env, clock: deps.clock });
  const recommendation = recommendRuntime(facts, { asked, nodeRange: openclawNodeRange });
  return { do: "install", kind: recommendation.runtime, facts, recommendation };
}

/** Of a gateway that is installed from here and tells its version. A tag of npm such as `latest` names none. */
function isOtherVersion({ kind, version }: DetectedRuntime, asked: string | null): boolean {
  if (asked === null || version === null || !/^v?\d/.test(asked)) return false;
  return installableKinds.some((own) => own === kind) && !isSameVersion(version, asked);
}

/** OpenClaw and ZeroClaw speak ACP, too, but not as well as by their gateways, which can be started. */
function isOwnBridge({ kind, command }: DetectedRuntime): boolean {
  const [program = ""] = command ?? [];
  return kind === "acp" && installableKinds.some((own) => own === basename(program));
}
