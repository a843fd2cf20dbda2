import type { Secret } from "../../protocol/secret.ts";
import type { ProviderSettings } from "../provider-settings.ts";
import { providerDefaults } from "./provider-defaults.ts";

/** Where OpenClaw listens unless told otherwise. */
export const usualOpenclawPort = 18_789;

type Fields = Readonly<Record<string, unknown>>;

export interface OpenclawWishes {
  /** null: the configuration is not new, and has a port or the usual one. */
  readonly port: number | null;
  /** For a configuration without one; null: its environment has one. */
  readonly token: Secret | null;
  readonly provider: ProviderSettings | null;
}

export interface OpenclawPlan {
  /** What is missing, as an object that is merged into the configuration; null: nothing is. */
  readonly patch: Fields | null;
  /** Variable that is to hold the provider's key; null: none is needed, or the configuration has its own. */
  readonly keyVariable: string | null;
}

/**
 * What a configuration of OpenClaw lacks for a gateway that a node can use; of one that is there, nothing is changed. A
 * section that is included from elsewhere counts as complete. The key itself is never in it: it names a variable.
 */
export function planOpenclawConfig(existing: Fields, wishes: OpenclawWishes): OpenclawPlan {
  const isNew = Object.keys(existing).length === 0;
  const gateway = planGateway(existing, wishes);
  const model = planModel(existing, wishes.provider);
  // A worker: no model calls by itself, no ritual of a first conversation.
  const worker = isNew ? { skipBootstrap: true, heartbeat: { every: "0m" } } : {};
  const defaults = { ...worker, ...model.defaults };
  const patch = {
    ...(isEmpty(gateway) ? {} : { gateway }),
    ...(model.providers === null ? {} : { models: { providers: model.providers } }),
    ...(isEmpty(defaults) ? {} : { agents: { defaults } }),
  };
  return { patch: isEmpty(patch) ? null : patch, keyVariable: model.keyVariable };
}

function planGateway(existing: Fields, { port, token }: OpenclawWishes): Fields {
  if ("$include" in existing) return {};
  const gateway = toFields(existing.gateway);
  if ("$include" in gateway) return {};
  const auth = toFields(gateway.auth);
  // Another mode than a token is somebody's choice.
  const isOther = auth.mode !== undefined && auth.mode !== "token";
  const hasAuth = isOther || ["token", "password", "$include"].some((name) => auth[name] !== undefined);
  return {
    ...(gateway.mode === undefined ? { mode: "local" } : {}),
    ...(port === null || gateway.port !== undefined ? {} : { port }),
    ...(gateway.bind === undefined ? { bind: "loopback" } : {}),
    ...(hasAuth || token === null ? {} : { auth: { mode: "token", token: token.reveal() } }),
  };
}

interface ModelPlan {
  readonly defaults: Fields;
  readonly providers: Fields | null;
  readonly keyVariable: string | null;
}

const nothing: ModelPlan = { defaults: {}, providers: null, keyVariable: null };

function planModel(existing: Fields, provider: ProviderSettings | null): ModelPlan {
  if (provider === null) return nothing;
  const { name, keyVariable } = providerDefaults[provider.provider];
  const variable = provider.key === null ? null : keyVariable;
  const known = toFields(toFields(toFields(existing.models).providers)[name]);
  const primary = findPrimaryModel(existing);
  if (primary !== null) {
    // Only the key can be missing of what is there.
    const isTheSame = primary.startsWith(`${name}/`) && known.apiKey === undefined;
    return isTheSame ? { ...nothing, keyVariable: variable } : nothing;
  }
  const model = modelName(provider);
  return {
    defaults: { model: { primary: `${name}/${model}` } },
    providers: isEmpty(known) ? describeProvider(provider, model) : null,
    keyVariable: variable,
  };
}

/** What answers when a message names no model; null: nothing is set. */
export function findPrimaryModel(config: Fields): string | null {
  const { model } = toFields(toFields(config.agents).defaults);
  const primary = typeof model === "string" ? model : toFields(model).primary;
  return typeof primary === "string" && primary !== "" ? primary : null;
}

/** OpenClaw knows Anthropic by itself; for OpenAI it would fetch a plugin, which the entry makes unnecessary. */
function describeProvider({ provider, key, baseUrl }: ProviderSettings, model: string): Fields | null {
  const { name, keyVariable, baseUrl: own, openclawApi } = providerDefaults[provider];
  if (provider === "anthropic" && baseUrl === null) return null;
  return {
    [name]: {
      baseUrl: baseUrl ?? own,
      // A server without keys gets a word that is none.
      apiKey: key === null ? "none" : `\${${keyVariable}}`,
      api: openclawApi,
      models: [{ id: model, name: model }],
    },
  };
}

/** Without the name of the provider, with which some write it. */
export function modelName({ provider, model }: ProviderSettings): string {
  const { name, model: own } = providerDefaults[provider];
  const text = model ?? own ?? "";
  return text.startsWith(`${name}/`) ? text.slice(name.length + 1) : text;
}

function toFields(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function isEmpty(fields: Fields): boolean {
  return Object.keys(fields).length === 0;
}
