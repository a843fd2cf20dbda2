import type { LoadedConfig } from "../config/load-config.ts";
import type { StartNodeAgentOptions } from "../node/index.ts";
import type { Log } from "../platform/log.ts";
import { findOpenEntries, preparePrivateDir } from "../platform/private-files.ts";
import { systemRandom } from "../platform/random.ts";
import { MeshError } from "../protocol/errors.ts";
import type {
  InstallableKind,
  ProvidedSettings,
  ProvideOutcome,
  ProvideRequest,
} from "../provision/index.ts";
import type { CliContext } from "./context.ts";
import { toProvisionDeps } from "./gateway-runtime.ts";
import { printNote, printResult } from "./print.ts";
import type { ProvisionFlags } from "./provision-flags.ts";
import { createProvisionView } from "./provision-progress.ts";
import { completeProvider } from "./provision-prompt.ts";
import { readProviderDraft, toProvider } from "./provision-provider.ts";
import { toSafeText } from "./render/safe-text.ts";

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
  // A run would refuse a state directory that others may write to.
  await findOpenEntries(config.dataDir);
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
  let isProviderUsed = false;
  const request: ProvideRequest = {
    asked: wish.asked,
    version: flags.runtimeVersion ?? null,
    startsGateway: wish.startsGateway,
    findProvider: () => {
      isProviderUsed = true;
      return completeProvider(context, draft);
    },
    onProgress: view.onProgress,
    onWait: (pid) => view.note(context.texts.provision.wait(pid)),
    signal: context.interrupt,
  };
  try {
    const run = wish.wanted === "node" ? provideRuntime : installRuntime;
    const outcome = await run(request, provisionDeps(context, config));
    if (!isProviderUsed && namesProvider(flags)) view.note(context.texts.provision.done.ownProvider);
    return outcome;
  } finally {
    view.clear();
  }
}

/**
 * `join --auto-install`: what the node wants and this machine lacks is installed, set up and started.
 * @returns the wishes, with the addresses of what was started
 * @throws MeshError; an AbortError when it is called off
 */
export async function autoInstall(
  context: CliContext,
  config: LoadedConfig,
  { flags, wishes, log }: AutoInstall & { readonly log: Log },
): Promise<readonly RuntimeWish[]> {
  const { outcomeText } = await import("./provision-text.ts");
  requireInstallable(context, wishes);
  await preparePrivateDir(config.dataDir, { log });
  const provided: RuntimeWish[] = [];
  for (const wish of wishes) {
    const asked = toProvisionWish(wish);
    if (asked === null) {
      provided.push(wish);
      continue;
    }
    const outcome = await runProvision(context, config, { flags, wish: asked });
    printNote(context, toSafeText(outcomeText(context.texts.provision, outcome)));
    const settings = outcome.did === "used" ? null : outcome.settings;
    provided.push(settings === null ? wish : withSettings(wish, settings));
  }
  return provided;
}

/** `join --auto-install --dry-run`. Changes nothing, asks nobody, joins nothing. */
export async function previewAutoInstall(
  context: CliContext,
  config: LoadedConfig,
  { flags, wishes }: AutoInstall,
): Promise<void> {
  requireInstallable(context, wishes);
  const plans: ProvisionPreview[] = [];
  for (const wish of wishes) {
    const asked = toProvisionWish(wish);
    if (asked !== null) plans.push(await previewProvision(context, config, { flags, wish: asked }));
  }
  printResult(context, { dry_run: true, plans: plans.map(({ json }) => json) }, () =>
    toSafeText(plans.map(({ text }) => text).join("\n")),
  );
}

interface AutoInstall {
  readonly flags: ProvisionFlags;
  readonly wishes: readonly RuntimeWish[];
}

/** @throws MeshError USAGE when none of them is one that is installed from here, or one is elsewhere */
function requireInstallable({ texts }: CliContext, wishes: readonly RuntimeWish[]): void {
  const { onlyInstallable, elsewhere } = texts.provision;
  const installable = wishes.filter((wish) => toProvisionWish(wish) !== null);
  if (installable.length === 0) {
    throw new MeshError("USAGE", onlyInstallable(wishes.map(({ kind }) => kind).join(",")));
  }
  const isElsewhere = installable.some((wish) => "endpoint" in wish && wish.endpoint !== null);
  if (isElsewhere) throw new MeshError("USAGE", elsewhere);
}

/** null: nothing can be installed for it. */
function toProvisionWish({ kind }: RuntimeWish): ProvisionWish | null {
  if (kind !== "auto" && kind !== "openclaw" && kind !== "zeroclaw") return null;
  return { asked: kind === "auto" ? null : kind, wanted: "node", startsGateway: true };
}

function withSettings(wish: RuntimeWish, settings: ProvidedSettings): RuntimeWish {
  const slots = wish.slots;
  if (wish.kind === "auto") {
    const token = wish.token ?? settings.token;
    return settings.kind === "openclaw"
      ? { ...settings, slots, token }
      : { ...settings, slots, token, approvals: wish.approvals };
  }
  // Its own settings stay; only what the operator left open is filled in.
  if (wish.kind === "openclaw" || wish.kind === "zeroclaw")
    return { ...wish, endpoint: settings.endpoint, token: wish.token ?? settings.token };
  return wish;
}

function namesProvider({ apiProvider, apiKey, apiKeyFile, apiBase, apiModel }: ProvisionFlags): boolean {
  return [apiProvider, apiKey, apiKeyFile, apiBase, apiModel].some((flag) => flag !== undefined);
}

function provisionDeps(context: CliContext, config: LoadedConfig) {
  const { startUmask } = context;
  return {
    ...toProvisionDeps(context, config),
    random: systemRandom,
    ...(startUmask === undefined ? {} : { startUmask }),
  };
}
