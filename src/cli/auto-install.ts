import type { LoadedConfig } from "../config/load-config.ts";
import type { StartNodeAgentOptions } from "../node/index.ts";
import { systemRandom } from "../platform/random.ts";
import { MeshError } from "../protocol/errors.ts";
import type { InstallableKind, ProvideOutcome, ProvideRequest } from "../provision/index.ts";
import type { CliContext } from "./context.ts";
import { toProvisionDeps } from "./gateway-runtime.ts";
import type { ProvisionFlags } from "./provision-flags.ts";
import { createProvisionView } from "./provision-progress.ts";
import { completeProvider } from "./provision-prompt.ts";
import { readProviderDraft, toProvider } from "./provision-provider.ts";

type RuntimeWish = StartNodeAgentOptions["runtimes"][number];

export interface ProvisionWish {
  readonly asked: InstallableKind | null;
  /** `node`: what is on this machine already will do. `installation`: one is installed whatever is there. */
  readonly wanted: "node" | "installation";
  readonly startsGateway: boolean;
}

/** What a dry run prints, as JSON and for people. */
export interface ProvisionPreview {
  readonly json: unknown;
  readonly text: string;
}

/** What an installation of the wish would do. Changes nothing, asks nobody. */
export async function previewProvision(
  context: CliContext,
  config: LoadedConfig,
  { flags, wish }: { readonly flags: ProvisionFlags; readonly wish: ProvisionWish },
): Promise<ProvisionPreview> {
  const { planInstallation, planProvision } = await import("../provision/index.ts");
  const { planJson, planText } = await import("./provision-text.ts");
  const provider = toProvider(context, await readProviderDraft(context, flags));
  const { asked, startsGateway } = wish;
  const request = { asked, version: flags.runtimeVersion ?? null, provider, startsGateway };
  const makePlan = wish.wanted === "node" ? planProvision : planInstallation;
  const found = await makePlan(request, provisionDeps(context, config));
  const plan = found.will !== "use" && provider !== null ? { ...found, needsProvider: false } : found;
  return { json: planJson(plan), text: planText(context.texts.provision, plan) };
}

/** Does it, and tells each step. */
export async function runProvision(
  context: CliContext,
  config: LoadedConfig,
  { flags, wish }: { readonly flags: ProvisionFlags; readonly wish: ProvisionWish },
): Promise<ProvideOutcome> {
  const { installRuntime, provideRuntime } = await import("../provision/index.ts");
  // What is wrong with a flag is told before anything is looked for.
  const draft = await readProviderDraft(context, flags);
  const view = createProvisionView(context);
  const request: ProvideRequest = {
    asked: wish.asked,
    version: flags.runtimeVersion ?? null,
    startsGateway: wish.startsGateway,
    findProvider: () => completeProvider(context, draft),
    onProgress: view.onProgress,
    onWait: (pid) => view.note(context.texts.provision.wait(pid)),
    signal: context.interrupt,
  };
  try {
    const run = wish.wanted === "node" ? provideRuntime : installRuntime;
    return await run(request, provisionDeps(context, config));
  } finally {
    view.clear();
  }
}

/**
 * The runtimes of a node after {@link runProvision}; null: those of its settings.
 * @param outcome what was done
 */
export function toProvidedRuntimes(
  { runtimes }: LoadedConfig["value"]["node"],
  outcome: ProvideOutcome,
): readonly RuntimeWish[] | null {
  // A list says itself which there are.
  if (runtimes.length > 0 || outcome.did === "used" || outcome.settings === null) return null;
  return [{ ...outcome.settings, slots: null }];
}

/**
 * Which runtime `--auto-install` is about.
 * @throws MeshError USAGE for settings that name others only
 */
export function findAskedKind(
  { texts }: CliContext,
  { runtime, runtimes }: LoadedConfig["value"]["node"],
): InstallableKind | null {
  const named = runtimes.length > 0 ? runtimes.map(({ kind }) => kind) : runtime === "auto" ? [] : [runtime];
  const asked = named.find((kind) => kind === "openclaw" || kind === "zeroclaw");
  if (asked !== undefined) return asked;
  const [other] = named;
  if (other === undefined) return null;
  throw new MeshError("USAGE", texts.provision.onlyInstallable(other));
}

function provisionDeps(context: CliContext, config: LoadedConfig) {
  return { ...toProvisionDeps(context, config), random: systemRandom };
}
