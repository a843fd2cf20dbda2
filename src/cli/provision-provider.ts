import { errorCodeOf, readTextIfExists } from "../platform/atomic-file.ts";
import { isLoopbackHost } from "../platform/http-fetch.ts";
import { expandPath } from "../platform/paths.ts";
import { MeshError } from "../protocol/errors.ts";
import { Secret } from "../protocol/secret.ts";
import type { ProviderSettings } from "../provision/index.ts";
import type { CliContext } from "./context.ts";
import type { ProvisionFlags } from "./provision-flags.ts";

type ProviderName = ProviderSettings["provider"];

/** As far as flags and environment tell it. */
export interface ProviderDraft {
  readonly provider: ProviderName | null;
  readonly key: Secret | null;
  readonly baseUrl: string | null;
  readonly model: string | null;
}

const providerNames: readonly string[] = ["anthropic", "openai", "custom"] satisfies readonly ProviderName[];

/** Variables that the providers' own programs take their keys from. */
const ownVariables: Readonly<Record<ProviderName, string | null>> = {
  anthropic: "ANTHROPIC_API_KEY",
  openai: "OPENAI_API_KEY",
  custom: null,
};

/** @throws MeshError USAGE for what is no provider, address or key file */
export async function readProviderDraft(context: CliContext, flags: ProvisionFlags): Promise<ProviderDraft> {
  const { env } = context;
  const baseUrl = readBase(context, flags);
  const given = (await readGivenKey(context, flags)) ?? secretOf(env.CLAW_MESH_API_KEY);
  const provider = flags.apiProvider ?? readProviderName(context) ?? guessProvider(context, baseUrl, given);
  const variable = provider === null ? null : ownVariables[provider];
  return {
    provider,
    key: given ?? (variable === null ? null : secretOf(env[variable])),
    baseUrl,
    model: nonEmpty(flags.apiModel) ?? nonEmpty(env.CLAW_MESH_API_MODEL),
  };
}

/**
 * Whole settings; what is missing is named.
 * @throws MeshError PROVIDER_KEY_MISSING
 */
export function requireProvider({ texts }: CliContext, draft: ProviderDraft): ProviderSettings {
  const { missing, ask } = texts.provision;
  const { provider, key, baseUrl, model } = draft;
  if (provider === null) throw absent(missing.provider, missing.providerHint);
  if (provider === "custom") {
    if (baseUrl === null) throw absent(missing.base, missing.baseHint);
    if (model === null) throw absent(missing.model, missing.modelHint);
  }
  if (key === null && !mayLackKey(draft)) {
    const name = provider === "custom" ? (baseUrl ?? provider) : ask.providers[provider];
    throw absent(missing.key(name), missing.keyHint(ownVariables[provider]));
  }
  return { provider, key, baseUrl, model };
}

/** null: something is missing. */
export function toProvider(context: CliContext, draft: ProviderDraft): ProviderSettings | null {
  try {
    return requireProvider(context, draft);
  } catch (error) {
    if (error instanceof MeshError && error.code === "PROVIDER_KEY_MISSING") return null;
    throw error;
  }
}

/** Many a server of one's own machine asks for none. */
export function mayLackKey({ provider, baseUrl }: Pick<ProviderDraft, "provider" | "baseUrl">): boolean {
  return provider === "custom" && baseUrl !== null && isLoopbackHost(new URL(baseUrl).hostname);
}

/** null: it is none. Without a slash at its end. */
export function parseBase(text: string): string | null {
  const url = URL.parse(text);
  const isGood = url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "";
  return isGood && url.search === "" && url.hash === "" ? url.href.replace(/\/+$/, "") : null;
}

function absent(message: string, hint: string): MeshError {
  return new MeshError("PROVIDER_KEY_MISSING", message, { hint });
}

async function readGivenKey(context: CliContext, flags: ProvisionFlags): Promise<Secret | null> {
  const { provision } = context.texts;
  const { apiKey, apiKeyFile } = flags;
  if (apiKeyFile === undefined) return apiKey ?? null;
  if (apiKey !== undefined) throw new MeshError("USAGE", provision.twoKeys);
  try {
    const text = (await readTextIfExists(expandPath(apiKeyFile, context)))?.trim() ?? "";
    if (text !== "") return new Secret(text);
  } catch (cause) {
    if (errorCodeOf(cause) === null) throw cause;
    throw new MeshError("USAGE", provision.badKeyFile(apiKeyFile), { cause });
  }
  throw new MeshError("USAGE", provision.badKeyFile(apiKeyFile));
}

function readProviderName({ env, texts }: CliContext): ProviderName | null {
  const word = nonEmpty(env.CLAW_MESH_API_PROVIDER);
  if (word === null) return null;
  if (isProviderName(word)) return word;
  throw new MeshError("USAGE", texts.provision.badProvider(word));
}

function isProviderName(word: string): word is ProviderName {
  return providerNames.includes(word);
}

/** An address is of a server of one's own; a key of this program's own variable says nothing about whose it is. */
function guessProvider(
  { env }: CliContext,
  baseUrl: string | null,
  given: Secret | null,
): ProviderName | null {
  if (baseUrl !== null) return "custom";
  if (given !== null) return null;
  if (nonEmpty(env.ANTHROPIC_API_KEY) !== null) return "anthropic";
  return nonEmpty(env.OPENAI_API_KEY) !== null ? "openai" : null;
}

function readBase({ env, texts }: CliContext, { apiBase }: ProvisionFlags): string | null {
  const text = nonEmpty(apiBase) ?? nonEmpty(env.CLAW_MESH_API_BASE);
  if (text === null) return null;
  const base = parseBase(text);
  const origin = apiBase === undefined ? "CLAW_MESH_API_BASE" : "--api-base";
  if (base === null) throw new MeshError("USAGE", texts.provision.badBase(origin));
  return base;
}

function secretOf(text: string | undefined): Secret | null {
  const value = nonEmpty(text);
  return value === null ? null : new Secret(value);
}

function nonEmpty(text: string | undefined): string | null {
  const value = text?.trim() ?? "";
  return value === "" ? null : value;
}
