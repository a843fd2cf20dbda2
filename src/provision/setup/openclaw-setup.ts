import { rm } from "node:fs/promises";
import { createSecret } from "../../platform/ids.ts";
import { Secret } from "../../protocol/secret.ts";
import type { GatewayProgram } from "../gateway-program.ts";
import type { InstalledProgram } from "../installed-program.ts";
import type { ProviderSettings } from "../provider-settings.ts";
import type { ProvisionDeps } from "../provision-deps.ts";
import type { ProvisionStep } from "../provision-step.ts";
import { backupPath, keepBackup, readConfigFile, writeConfigFile } from "./config-file.ts";
import { hasVariable, setVariable } from "./dot-env.ts";
import { findFreePort } from "./free-port.ts";
import { findIssue, type OpenclawCli, patchConfig, refused } from "./openclaw-cli.ts";
import {
  findPrimaryModel,
  type OpenclawPlan,
  planOpenclawConfig,
  usualOpenclawPort,
} from "./openclaw-config.ts";
import { findOpenclawGateway } from "./openclaw-gateway.ts";
import { findPlaces, nonEmpty, type OpenclawPlaces } from "./openclaw-places.ts";
import type { SetupDeps } from "./setup-deps.ts";

/**
 * Gives OpenClaw what it needs to run as a node's gateway. Of a configuration that is there only the missing parts are
 * filled in, by OpenClaw itself, after a copy was kept. The provider's key goes into the `.env` of its state directory.
 * @throws MeshError RUNTIME_START_FAILED for a configuration that OpenClaw refuses; DISK_FULL
 */
export async function setUpOpenclaw(
  program: InstalledProgram,
  provider: ProviderSettings | null,
  deps: SetupDeps,
): Promise<GatewayProgram> {
  const places = await findPlaces(deps);
  const text = await readConfigFile(places.configPath);
  const existing = text === null ? {} : await readExisting(text, { program, places, deps });
  const plan = await planConfig(existing, { text, places, provider, deps });
  await saveKey(plan, { provider, places, deps });
  await saveConfig(plan, { text, program, places, deps });
  return await findOpenclawGateway(program, deps);
}

/** What {@link setUpOpenclaw} would do with the files; reads them and changes nothing. */
export async function planOpenclawSetup(
  provider: ProviderSettings | null,
  deps: ProvisionDeps,
): Promise<readonly ProvisionStep[]> {
  const places = await findPlaces(deps);
  const text = await readConfigFile(places.configPath);
  const plan = await planConfig(text === null ? {} : (parseConfig(text) ?? {}), {
    text,
    places,
    provider,
    deps,
  });
  const steps: ProvisionStep[] = [];
  if (plan.keyVariable !== null) steps.push(await writeStep(places.envPath, deps));
  if (plan.patch !== null) steps.push(await writeStep(places.configPath, deps));
  return steps;
}

interface PlanParts {
  readonly text: string | null;
  readonly places: OpenclawPlaces;
  readonly provider: ProviderSettings | null;
  readonly deps: ProvisionDeps;
}

async function planConfig(
  existing: Fields,
  { text, places, provider, deps }: PlanParts,
): Promise<OpenclawPlan> {
  const asked = Number(nonEmpty(deps.env.OPENCLAW_GATEWAY_PORT) ?? usualOpenclawPort);
  const port = text !== null ? null : await findFreePort(asked);
  const envText = (await readConfigFile(places.envPath)) ?? "";
  const hasToken = ["OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD"].some(
    (name) => nonEmpty(deps.env[name]) !== undefined || hasVariable(envText, name),
  );
  const token = hasToken ? null : new Secret(createSecret() + createSecret());
  const plan = planOpenclawConfig(existing, { port, token, provider });
  if (plan.keyVariable === null || findPrimaryModel(existing) === null) return plan;
  // A provider that was set up before keeps its key.
  return hasVariable(envText, plan.keyVariable) ? { ...plan, keyVariable: null } : plan;
}

type Fields = Readonly<Record<string, unknown>>;

async function readExisting(text: string, { program, places, deps }: OpenclawCli): Promise<Fields> {
  const config = parseConfig(text);
  const issue = await findIssue({ program, places, deps });
  if (issue !== null || config === null) throw refused(places.configPath, issue ?? "it is no JSON5 object");
  return config;
}

async function saveKey(
  { keyVariable }: OpenclawPlan,
  parts: {
    readonly provider: ProviderSettings | null;
    readonly places: OpenclawPlaces;
    readonly deps: SetupDeps;
  },
): Promise<void> {
  const { provider, places, deps } = parts;
  const key = provider?.key ?? null;
  if (keyVariable === null || key === null) return;
  const text = await readConfigFile(places.envPath);
  const next = setVariable(text ?? "", keyVariable, key);
  if (next === text) return;
  const step = await writeStep(places.envPath, deps);
  deps.onProgress?.({ step, state: "started" });
  if (text !== null && step.backup !== null) await keepBackup(step.backup, text);
  await writeConfigFile(places.envPath, next);
  deps.onProgress?.({ step, state: "done" });
}

async function saveConfig(
  { patch }: OpenclawPlan,
  parts: OpenclawCli & { readonly text: string | null; readonly deps: SetupDeps },
): Promise<void> {
  const { text, places, deps } = parts;
  const step = await writeStep(places.configPath, deps);
  if (patch === null) {
    deps.onProgress?.({ step, state: "skipped", why: `${places.configPath} has all that is needed` });
    return;
  }
  deps.onProgress?.({ step, state: "started" });
  if (text === null) {
    await writeConfigFile(places.configPath, `${JSON.stringify(patch, null, 2)}\n`);
    const issue = await findIssue(parts);
    if (issue !== null) {
      // Left behind, it would be somebody's at the next try, with its parts of today.
      await rm(places.configPath, { force: true });
      throw refused(places.configPath, issue);
    }
  } else {
    if (step.backup !== null) await keepBackup(step.backup, text);
    await patchConfig(patch, parts);
  }
  deps.onProgress?.({ step, state: "done" });
}

async function writeStep(
  path: string,
  { clock }: ProvisionDeps,
): Promise<Extract<ProvisionStep, { do: "write_config" }>> {
  const text = await readConfigFile(path);
  return { do: "write_config", path, backup: text === null ? null : backupPath(path, clock) };
}

function parseConfig(text: string): Fields | null {
  try {
    const value: unknown = Bun.JSON5.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
