import { join } from "node:path";
import { z } from "zod";
import { MeshError } from "../../protocol/errors.ts";
import { parseGatewayAddress } from "../../runtimes/gateway-address.ts";
import type { GatewayProgram } from "../gateway-program.ts";
import type { InstalledProgram } from "../installed-program.ts";
import type { ProviderSettings } from "../provider-settings.ts";
import type { ProvisionDeps } from "../provision-deps.ts";
import type { ProvisionStep } from "../provision-step.ts";
import { backupPath, keepBackup, readConfigFile, writeConfigFile } from "./config-file.ts";
import { findFreePort } from "./free-port.ts";
import { isAnsweredOk } from "./readiness.ts";
import type { SetupDeps } from "./setup-deps.ts";
import { hasAgent, planZeroclawConfig, usualZeroclawPort } from "./zeroclaw-config.ts";

/** It starts in a second; a small board on a slow card is several times slower. */
const readyLimitMs = 60_000;

const stopLimitMs = 30_000;

/** Variable by which a port other than that of the file is used. */
const portVariable = "ZEROCLAW_gateway__port";

/**
 * Gives ZeroClaw what it needs to run as a node's gateway: a provider, an agent named `default` and a gateway on loopback
 * that wants pairing. An existing file keeps all that it has; what is missing comes behind it, after a copy was kept.
 * @throws MeshError RUNTIME_START_FAILED for a file that cannot be read or added to; DISK_FULL
 */
export async function setUpZeroclaw(
  program: InstalledProgram,
  provider: ProviderSettings | null,
  deps: SetupDeps,
): Promise<GatewayProgram> {
  const path = configPath(deps);
  const text = await readConfigFile(path);
  const added = await planAddition(path, { text, provider, deps });
  const step = writeStep(path, text, deps);
  if (added === "") {
    deps.onProgress?.({ step, state: "skipped", why: `${path} has all that is needed` });
    return await findZeroclawGateway(program, deps);
  }
  deps.onProgress?.({ step, state: "started" });
  const next = text === null || text === "" ? added : `${text.replace(/\n*$/, "\n")}\n${added}`;
  // What is there may have a form that takes no further tables, such as an inline one.
  if (parseToml(next) === null) throw refused(path, "what is missing cannot be put behind what it has");
  if (text !== null && step.backup !== null) await keepBackup(step.backup, text);
  await writeConfigFile(path, next);
  deps.onProgress?.({ step, state: "done" });
  return await findZeroclawGateway(program, deps);
}

/** What {@link setUpZeroclaw} would do with the file; reads it and changes nothing. */
export async function planZeroclawSetup(
  provider: ProviderSettings | null,
  deps: ProvisionDeps,
): Promise<readonly ProvisionStep[]> {
  const path = configPath(deps);
  const text = await readConfigFile(path);
  const added = await planAddition(path, { text, provider, deps });
  return added === "" ? [] : [writeStep(path, text, deps)];
}

/**
 * How the gateway of a ZeroClaw is started that was set up, by its own file.
 * @throws MeshError RUNTIME_START_FAILED when it was never set up, or its file cannot be read
 */
export async function findZeroclawGateway(
  program: InstalledProgram,
  deps: ProvisionDeps,
): Promise<GatewayProgram> {
  const { home, fetch, clock } = deps;
  const path = configPath(deps);
  const text = await readConfigFile(path);
  const config = text === null ? null : readToml(path, text);
  if (config === null || !hasAgent(config)) {
    const what = config === null ? `there is no ${path}` : `${path} has no agent with a provider`;
    throw new MeshError("RUNTIME_START_FAILED", `ZeroClaw was never set up here: ${what}.`, {
      hint: "Set it up with: claw-mesh runtime install zeroclaw --api-provider <provider>",
    });
  }
  const endpoint = findEndpoint(config, deps);
  const url = `${parseGatewayAddress(endpoint).httpUrl}/health`;
  return {
    kind: "zeroclaw",
    command: [...program.command, "gateway", "start"],
    env: program.env,
    cwd: home,
    endpoint,
    token: null,
    isReady: () => isAnsweredOk(url, ReadyHealth, { fetch, clock }),
    isAlive: () => isAnsweredOk(url, Health, { fetch, clock }),
    readyLimitMs,
    stopLimitMs,
    finalExitCodes: [],
  };
}

const Health = z.object({ require_pairing: z.boolean() });

const ReadyHealth = Health.extend({
  status: z.literal("ok"),
  runtime: z.object({
    components: z.record(z.string(), z.object({ status: z.string() })).refine(
      // A channel that is broken is no matter of ours.
      ({ gateway }) => gateway === undefined || gateway.status === "ok",
    ),
  }),
});

const GatewayTable = z.object({
  gateway: z
    .object({
      host: z.string().optional(),
      port: z.int().min(1).max(65_535).optional(),
      path_prefix: z.string().optional(),
      tls: z.object({ enabled: z.boolean().optional() }).optional(),
    })
    .optional(),
});

function findEndpoint(config: Fields, deps: ProvisionDeps): string {
  const parsed = GatewayTable.safeParse(config);
  const gateway = parsed.success ? parsed.data.gateway : undefined;
  const host = gateway?.host ?? "127.0.0.1";
  // It listens everywhere, so here as well.
  const reached = host === "0.0.0.0" || host === "::" || host === "localhost" ? "127.0.0.1" : host;
  const port = askedPort(deps) ?? gateway?.port ?? usualZeroclawPort;
  const address = reached.includes(":") ? `[${reached}]:${port}` : `${reached}:${port}`;
  const path = (gateway?.path_prefix ?? "").replace(/^\/*(?=.)/, "/").replace(/\/+$/, "");
  return `${gateway?.tls?.enabled === true ? "https://" : ""}${address}${path}`;
}

function askedPort({ env }: ProvisionDeps): number | null {
  const port = Number(env[portVariable]);
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : null;
}

interface AdditionParts {
  readonly text: string | null;
  readonly provider: ProviderSettings | null;
  readonly deps: ProvisionDeps;
}

async function planAddition(path: string, { text, provider, deps }: AdditionParts): Promise<string> {
  const config = text === null || text.trim() === "" ? null : readToml(path, text);
  const port = await findFreePort(askedPort(deps) ?? usualZeroclawPort);
  const plan = planZeroclawConfig(config, { port, provider });
  if (plan.kind === "refused") throw refused(path, plan.reason);
  return plan.text;
}

type Fields = Readonly<Record<string, unknown>>;

function readToml(path: string, text: string): Fields {
  const config = parseToml(text);
  if (config === null) throw refused(path, "it is no valid TOML");
  return config;
}

function parseToml(text: string): Fields | null {
  try {
    return { ...Bun.TOML.parse(text) };
  } catch {
    // The parser throws errors of several classes, and says with each the same: this is no TOML.
    return null;
  }
}

function refused(path: string, reason: string): MeshError {
  return new MeshError(
    "RUNTIME_START_FAILED",
    `The configuration ${path} of ZeroClaw cannot be used: ${reason}.`,
    {
      hint: "Mend the file, or move it away to have a new one written; zeroclaw config migrate moves old ones on.",
    },
  );
}

function writeStep(
  path: string,
  text: string | null,
  { clock }: ProvisionDeps,
): Extract<ProvisionStep, { do: "write_config" }> {
  return { do: "write_config", path, backup: text === null ? null : backupPath(path, clock) };
}

/** As ZeroClaw looks for it. */
function configPath({ env, home }: ProvisionDeps): string {
  const folder = ["ZEROCLAW_CONFIG_DIR", "ZEROCLAW_DATA_DIR", "ZEROCLAW_WORKSPACE"]
    .map((name) => env[name])
    .find((value) => value !== undefined && value !== "");
  return join(folder ?? join(home, ".zeroclaw"), "config.toml");
}
