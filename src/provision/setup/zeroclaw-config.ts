import type { Secret } from "../../protocol/secret.ts";
import type { ProviderSettings } from "../provider-settings.ts";
import { badKey } from "./bad-key.ts";
import { modelName } from "./openclaw-config.ts";
import { providerDefaults } from "./provider-defaults.ts";

/** Where ZeroClaw listens unless told otherwise. */
export const usualZeroclawPort = 42_617;

/** The configuration format of ZeroClaw 0.8. */
const schemaVersion = 3;

export interface ZeroclawWishes {
  readonly port: number;
  readonly provider: ProviderSettings | null;
}

export type ZeroclawPlan =
  /** Text to be put behind what is there; empty: nothing is missing. */
  | { readonly kind: "append"; readonly text: string }
  /** It cannot be done without changing what is there. */
  | { readonly kind: "refused"; readonly reason: string };

type Fields = Readonly<Record<string, unknown>>;

/**
 * What a configuration of ZeroClaw lacks for a gateway that a node can use. Tables may be put behind all others in TOML, so
 * nothing of an existing file changes, its comments included.
 */
export function planZeroclawConfig(existing: Fields | null, wishes: ZeroclawWishes): ZeroclawPlan {
  const config = existing ?? {};
  if (existing === null) {
    return { kind: "append", text: [`schema_version = ${schemaVersion}\n`, ...allTables(wishes)].join("\n") };
  }
  // Files of versions before 0.8 are moved on by ZeroClaw itself when it loads them.
  if (config.schema_version !== schemaVersion) {
    return config.default_provider === undefined
      ? { kind: "refused", reason: "it is of another version of ZeroClaw and names no provider" }
      : { kind: "append", text: "" };
  }
  const tables = [
    ...(hasAgent(config) || wishes.provider === null ? [] : agentTables(wishes.provider)),
    ...(config.gateway === undefined ? [gatewayTable(wishes.port)] : []),
  ];
  return { kind: "append", text: tables.join("\n") };
}

/** Whether an agent is there that takes messages. */
export function hasAgent(config: Fields): boolean {
  if (config.default_provider !== undefined) return true;
  const agents = Object.values(toFields(config.agents)).map(toFields);
  return agents.some((agent) => agent.enabled !== false && agent.model_provider !== undefined);
}

function allTables({ port, provider }: ZeroclawWishes): readonly string[] {
  return [...(provider === null ? [] : agentTables(provider)), gatewayTable(port)];
}

function agentTables(provider: ProviderSettings): readonly string[] {
  const { provider: family, key, baseUrl } = provider;
  const model = modelName(provider);
  const uri = baseUrl ?? (family === "custom" ? providerDefaults.custom.baseUrl : null);
  return [
    table(`providers.models.${family}.mesh`, {
      ...(uri === null ? {} : { uri }),
      model,
      ...(key === null ? {} : { api_key: toKeyText(key) }),
    }),
    table("risk_profiles.mesh", { level: "supervised", workspace_only: true }),
    table("runtime_profiles.mesh", {}),
    table("agents.default", {
      enabled: true,
      model_provider: `${family}.mesh`,
      risk_profile: "mesh",
      runtime_profile: "mesh",
    }),
  ];
}

/** Whoever wants to use it has to pair, which only programs of this machine can. Runs may take longer than its 30 s. */
function gatewayTable(port: number): string {
  return table("gateway", {
    host: "127.0.0.1",
    port,
    require_pairing: true,
    request_timeout_secs: 600,
    check_updates: false,
  });
}

function table(name: string, fields: Fields): string {
  const lines = Object.entries(fields).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return `${[`[${name}]`, ...lines].join("\n")}\n`;
}

function toFields(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/** TOML takes neither half characters nor DEL, and a line break in a key is a mistake. */
function toKeyText(key: Secret): string {
  const text = key.reveal();
  if (/^[ -~]+$/.test(text)) return text;
  throw badKey();
}
