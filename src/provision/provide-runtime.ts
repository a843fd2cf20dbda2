import type { MachineFacts } from "../domain/provision/machine-facts.ts";
import type { InstallableKind, Recommendation } from "../domain/provision/recommend-runtime.ts";
import { MeshError } from "../protocol/errors.ts";
import type { RuntimeSettings } from "../runtimes/runtime-settings.ts";
import type { DetectDeps } from "./detect-deps.ts";
import type { DetectedRuntime } from "./detected-runtime.ts";
import { startGateway } from "./gateway/start-gateway.ts";
import type { GatewayProgram } from "./gateway-program.ts";
import { lockInstallations, planInstall, runInstall } from "./install/install.ts";
import type { InstalledProgram } from "./installed-program.ts";
import { decideInstallation, decideProvision, type ProvideDecision } from "./provide-decision.ts";
import type { ProviderSettings } from "./provider-settings.ts";
import type { OnProvisionProgress } from "./provision-step.ts";
import { findGatewayProgram, setUpRuntime } from "./setup/set-up-runtime.ts";

export interface ProvideRequest {
  /** What `--runtime` says; null: the machine decides. */
  readonly asked: InstallableKind | null;
  /** What `--runtime-version` says; null: the tested one. */
  readonly version: string | null;
  /** Asked once, and before anything is installed, when a runtime has to be told who computes its answers. */
  readonly findProvider: () => Promise<ProviderSettings>;
  /** Whether its gateway is started in the background and waited for; otherwise it is only installed and set up. */
  readonly startsGateway: boolean;
  readonly onProgress: OnProvisionProgress;
  /** Another process installs; null: it is not known which. Called once. */
  readonly onWait: (pid: number | null) => void;
  readonly signal: AbortSignal;
}

/** What was done, and why. */
export type ProvideOutcome =
  | { readonly did: "used"; readonly runtime: DetectedRuntime }
  | ({ readonly did: "started" } & Provided)
  | ({ readonly did: "installed"; readonly recommendation: Recommendation } & Provided);

export interface Provided {
  readonly program: InstalledProgram;
  /** null: it was not to be started. */
  readonly endpoint: string | null;
  /** For the node; null: it was not to be started. */
  readonly settings: ProvidedSettings | null;
  /** Another version was installed than the gateway has that runs. */
  readonly needsRestart: boolean;
}

/**
 * All of `--auto-install`: what takes messages is used, what is installed is started, else what fits the machine is installed,
 * set up, started and waited for. Safe to call again wherever an earlier call was ended: it goes on from there.
 * @throws MeshError; the reason of `signal`
 */
export async function provideRuntime(request: ProvideRequest, deps: DetectDeps): Promise<ProvideOutcome> {
  const decision = await decideProvision(request, deps);
  return decision.do === "use"
    ? { did: "used", runtime: decision.runtime }
    : await carryOut(decision, request, deps);
}

/** As {@link provideRuntime}, whatever else takes messages on this machine: `runtime install`. */
export async function installRuntime(request: ProvideRequest, deps: DetectDeps): Promise<ProvideOutcome> {
  return await carryOut(await decideInstallation(request.asked, deps), request, deps);
}

async function carryOut(
  decision: Exclude<ProvideDecision, { do: "use" }>,
  request: ProvideRequest,
  deps: DetectDeps,
): Promise<ProvideOutcome> {
  const kind =
    decision.do === "start" ? decision.program.kind : requireKind(decision.recommendation, decision.facts);
  const provider = (await needsProvider(kind, deps)) ? await request.findProvider() : null;
  const lock = await lockInstallations(request, deps);
  try {
    const { program, isNew } =
      decision.do === "start"
        ? { program: decision.program, isNew: false }
        : await installNow({ kind, facts: decision.facts }, request, deps);
    request.signal.throwIfAborted();
    const gateway = await setUpRuntime(program, provider, { ...deps, onProgress: request.onProgress });
    const provided = await startProvided({ program, isNew, gateway }, request, deps);
    return decision.do === "start"
      ? { did: "started", ...provided }
      : { did: "installed", recommendation: decision.recommendation, ...provided };
  } finally {
    lock.release();
  }
}

/** @throws MeshError RUNTIME_UNSUPPORTED */
export function requireKind(
  { runtime }: Recommendation,
  { platform, arch }: { readonly platform: string; readonly arch: string },
): InstallableKind {
  if (runtime !== null) return runtime;
  throw new MeshError(
    "RUNTIME_UNSUPPORTED",
    `this machine (${platform} on ${arch}) can have neither OpenClaw nor ZeroClaw from here`,
    {
      hint: "Start an OpenAI-compatible server or an ACP agent on it and join with --runtime, or see claw-mesh runtime install --dry-run openclaw.",
    },
  );
}

/** A runtime that was set up, by whomever, knows its provider; what it lacks otherwise is filled in without one. */
export async function needsProvider(kind: InstallableKind, deps: DetectDeps): Promise<boolean> {
  // Only its files are looked at, so that it need not be installed.
  const program = { kind, version: null, command: [kind], env: {} };
  try {
    await findGatewayProgram(program, deps);
    return false;
  } catch (error) {
    if (error instanceof MeshError && error.code === "RUNTIME_START_FAILED") return true;
    throw error;
  }
}

interface Installed {
  readonly program: InstalledProgram;
  /** Something was installed just now. */
  readonly isNew: boolean;
}

async function installNow(
  { kind, facts }: { readonly kind: InstallableKind; readonly facts: MachineFacts },
  request: ProvideRequest,
  deps: DetectDeps,
): Promise<Installed> {
  const plan = await planInstall(kind, { version: request.version, facts }, deps);
  return { program: await runInstall(plan, request, deps), isNew: plan.installed === null };
}

async function startProvided(
  { program, isNew, gateway }: Installed & { readonly gateway: GatewayProgram },
  request: ProvideRequest,
  deps: DetectDeps,
): Promise<Provided> {
  if (!request.startsGateway) return { program, endpoint: null, settings: null, needsRestart: false };
  const step = { do: "wait_ready", url: gateway.endpoint, limitMs: gateway.readyLimitMs } as const;
  request.onProgress({ step, state: "started" });
  const started = await startGateway(gateway, { ...deps, signal: request.signal });
  request.onProgress({ step, state: "done" });
  return {
    program,
    endpoint: started.endpoint,
    settings: toSettings(gateway),
    needsRestart: isNew && started.how === "already_running",
  };
}

/** Settings of the runtimes that are installed from here. */
export type ProvidedSettings = Extract<RuntimeSettings, { kind: "openclaw" | "zeroclaw" }>;

function toSettings({ kind, endpoint, token }: GatewayProgram): ProvidedSettings {
  return kind === "openclaw"
    ? { kind, endpoint, token, checksOwner: true }
    : { kind, endpoint, token, agent: null, approvals: "deny", via: "auto", checksOwner: true };
}
