import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { hashToken } from "./pairing.ts";

/** What of `config.toml` (schema 3) the protocol server acts on. */
export interface ZeroclawConfig {
  readonly gateway: {
    readonly host: string;
    readonly port: number;
    readonly requirePairing: boolean;
    /** SHA-256 in hexadecimal digits. */
    readonly pairedTokens: readonly string[];
    readonly requestTimeoutS: number;
    /** A minute; 0: no limit. */
    readonly webhookRate: number;
    readonly pairRate: number;
  };
  /** Those that are enabled, by alias. */
  readonly agents: Readonly<Record<string, ZeroclawAgent>>;
}

export interface ZeroclawAgent {
  /** null: none is configured (`needs_quickstart`). */
  readonly model: ZeroclawModel | null;
  readonly level: "readonly" | "supervised" | "full";
  readonly autoApprove: readonly string[];
}

export interface ZeroclawModel {
  /** `custom.mesh` */
  readonly provider: string;
  readonly uri: string;
  readonly model: string;
  readonly apiKey: string | null;
}

/** A configuration that ZeroClaw refuses to start with; the message is for standard error. */
export class ConfigRefused extends Error {}

const Gateway = z.object({
  host: z.string().default("127.0.0.1"),
  port: z.int().min(0).max(65_535).default(42_617),
  require_pairing: z.boolean().default(true),
  paired_tokens: z.array(z.string()).default([]),
  request_timeout_secs: z.number().positive().default(30),
  webhook_rate_limit_per_minute: z.int().min(0).default(60),
  pair_rate_limit_per_minute: z.int().min(0).default(10),
});

const ModelProvider = z.object({
  uri: z.string().optional(),
  model: z.string().optional(),
  api_key: z.string().optional(),
});

const Agent = z.object({
  enabled: z.boolean().default(true),
  model_provider: z.string().optional(),
  risk_profile: z.string().optional(),
  runtime_profile: z.string().optional(),
});

const RiskProfile = z.object({
  level: z.enum(["readonly", "supervised", "full"]).default("supervised"),
  auto_approve: z.array(z.string()).default([]),
});

const Schema3 = z.object({
  schema_version: z.literal(3),
  gateway: Gateway.default(() => Gateway.parse({})),
  providers: z
    .object({ models: z.record(z.string(), z.record(z.string(), ModelProvider)).default({}) })
    .default({ models: {} }),
  risk_profiles: z.record(z.string(), RiskProfile).default({}),
  runtime_profiles: z.record(z.string(), z.unknown()).default({}),
  agents: z.record(z.string().regex(/^[a-z0-9_]+$/, "an alias has no hyphen"), Agent).default({}),
});

/** Schema 1 and 2, migrated in memory. */
const OldSchema = z.object({
  default_provider: z.string().optional(),
  default_model: z.string().optional(),
  api_key: z.string().optional(),
  gateway: Gateway.default(() => Gateway.parse({})),
});

type Variables = Readonly<Record<string, string | undefined>>;

/** Variables that are no overrides. */
const ownVariables = /^ZEROCLAW_(?:CONFIG_DIR|DATA_DIR|WORKSPACE|SOCKET|ACP_\w+)$/;

/**
 * @param text of config.toml; null when there is none
 * @throws ConfigRefused when it cannot be read or is not valid
 */
export function readConfig(text: string | null, env: Variables = {}): ZeroclawConfig {
  const raw = applyOverrides(parseToml(text ?? "schema_version = 3"), env);
  if (raw.schema_version === undefined) return migrate(parse(OldSchema, raw));
  const config = parse(Schema3, raw);
  const agents: Record<string, ZeroclawAgent> = {};
  for (const [alias, agent] of Object.entries(config.agents)) {
    if (!agent.enabled) continue;
    const risk = config.risk_profiles[agent.risk_profile ?? ""];
    if (risk === undefined) {
      throw new ConfigRefused(`agents.${alias}.risk_profile is required for an enabled agent`);
    }
    if (agent.runtime_profile !== undefined && !(agent.runtime_profile in config.runtime_profiles)) {
      throw new ConfigRefused(`agents.${alias}.runtime_profile names no runtime profile`);
    }
    agents[alias] = {
      model: findModel(config.providers.models, agent.model_provider, alias),
      level: risk.level,
      autoApprove: risk.auto_approve,
    };
  }
  return { gateway: toGateway(config.gateway), agents };
}

/** The file in the configuration folder; null when there is none. */
export function loadConfigText(folder: string): string | null {
  try {
    return readFileSync(join(folder, "config.toml"), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** The text with the hash among `gateway.paired_tokens`. */
export function withPairedToken(text: string, hash: string): string {
  const listed = /^(paired_tokens\s*=\s*\[)([^\]]*)\]/m;
  if (listed.test(text)) {
    return text.replace(listed, (_, head: string, rest: string) => {
      const others = rest.trim().replace(/,$/, "");
      return `${head}${others === "" ? "" : `${others}, `}"${hash}"]`;
    });
  }
  if (/^\[gateway\]$/m.test(text)) {
    return text.replace(/^\[gateway\]$/m, `[gateway]\npaired_tokens = ["${hash}"]`);
  }
  return `${text.trimEnd()}\n\n[gateway]\npaired_tokens = ["${hash}"]\n`;
}

function parseToml(text: string): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(Bun.TOML.parse(text));
  } catch (cause) {
    throw new ConfigRefused("Failed to parse config.toml", { cause });
  }
}

function parse<T>(schema: z.ZodType<T>, raw: unknown): T {
  const read = schema.safeParse(raw);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new ConfigRefused(`config.toml: ${issue?.path.join(".")}: ${issue?.message}`);
}

/** `ZEROCLAW_gateway__port=8080` sets `gateway.port`; a section that there is not is refused. */
function applyOverrides(raw: Record<string, unknown>, env: Variables): Record<string, unknown> {
  const result = structuredClone(raw);
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith("ZEROCLAW_") || value === undefined || ownVariables.test(name)) continue;
    const path = name.slice("ZEROCLAW_".length).split("__");
    const last = path.pop() ?? "";
    if (path.length === 0 || !(path[0] ?? "" in Schema3.shape))
      throw new ConfigRefused(`unknown path ${name}`);
    let at: Record<string, unknown> = result;
    for (const part of path) {
      at[part] = { ...(at[part] as Record<string, unknown> | undefined) };
      at = at[part] as Record<string, unknown>;
    }
    at[last] = /^(?:true|false|\d+)$/.test(value) ? JSON.parse(value) : value;
  }
  return result;
}

function findModel(
  models: z.infer<typeof Schema3>["providers"]["models"],
  name: string | undefined,
  alias: string,
): ZeroclawModel | null {
  if (name === undefined) return null;
  const [type = "", entry = ""] = name.split(".");
  const found = models[type]?.[entry];
  if (found === undefined)
    throw new ConfigRefused(`agents.${alias}.model_provider names no provider: ${name}`);
  if (found.model === undefined || found.uri === undefined) return null;
  return { provider: name, uri: found.uri, model: found.model, apiKey: found.api_key ?? null };
}

function migrate(old: z.infer<typeof OldSchema>): ZeroclawConfig {
  const uri = old.default_provider?.replace(/^custom:/, "");
  const model =
    uri === undefined || old.default_model === undefined
      ? null
      : { provider: "custom.default", uri, model: old.default_model, apiKey: old.api_key ?? null };
  return {
    gateway: toGateway(old.gateway),
    agents: { default: { model, level: "supervised", autoApprove: [] } },
  };
}

function toGateway(gateway: z.infer<typeof Gateway>): ZeroclawConfig["gateway"] {
  return {
    host: gateway.host,
    port: gateway.port,
    requirePairing: gateway.require_pairing,
    pairedTokens: gateway.paired_tokens.map((text) => (/^[0-9a-f]{64}$/.test(text) ? text : hashToken(text))),
    requestTimeoutS: gateway.request_timeout_secs,
    webhookRate: gateway.webhook_rate_limit_per_minute,
    pairRate: gateway.pair_rate_limit_per_minute,
  };
}
