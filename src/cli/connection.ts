import { createMeshClient, type MeshClient } from "../client/index.ts";
import { type ConfigFlag, type LoadedConfig, loadConfig } from "../config/load-config.ts";
import { errorCodeOf, readTextIfExists } from "../platform/atomic-file.ts";
import { findLocalCoordinator, localUrl } from "../platform/coordinator-file.ts";
import { proxyForUrl } from "../platform/http-fetch.ts";
import { expandPath } from "../platform/paths.ts";
import { MeshError } from "../protocol/errors.ts";
import type { Secret } from "../protocol/secret.ts";
import type { CliContext } from "./context.ts";
import { findTrust } from "./find-trust.ts";
import { findLocalToken } from "./local-token.ts";
import { noteForeignConfig } from "./run-warnings.ts";
import { usesTls } from "./tls-settings.ts";

export interface FoundToken {
  readonly value: Secret;
  /** Where it came from, for people: a flag, a variable, a file. */
  readonly origin: string;
}

/** A coordinator that a command can talk to. */
export interface Connection {
  readonly client: MeshClient;
  readonly config: LoadedConfig;
  readonly url: string;
  readonly token: FoundToken | null;
  readonly proxyUrl: string | null;
}

/** Loads the configuration with the global flags and those of the command. */
export async function loadCliConfig(
  context: CliContext,
  flags: readonly ConfigFlag[] = [],
): Promise<LoadedConfig> {
  const { globals, env, cwd, home } = context;
  const token = await readTokenFlag(context);
  const ca = globals.ca === null ? [] : [{ path: "tls.ca_file", flag: "--ca", value: globals.ca }];
  return loadConfig({ flags: [...flags, ...token, ...ca], env, cwd, home, configPath: globals.config });
}

/** @throws MeshError USAGE for a file that cannot be read or is empty */
async function readTokenFlag(context: CliContext): Promise<readonly ConfigFlag[]> {
  const { token, tokenFile } = context.globals;
  const path = "coordinator.token";
  if (token !== null) return [{ path, flag: "--token", value: token.reveal() }];
  if (tokenFile === null) return [];
  try {
    // Where secrets are handed in as files, as in containers, they are links.
    const text = (await readTextIfExists(expandPath(tokenFile, context)))?.trim() ?? "";
    if (text !== "") return [{ path, flag: "--token-file", value: text }];
  } catch (cause) {
    if (errorCodeOf(cause) === null) throw cause;
    throw new MeshError("USAGE", context.texts.errors.noTokenInFile(tokenFile), { cause });
  }
  throw new MeshError("USAGE", context.texts.errors.noTokenInFile(tokenFile));
}

/**
 * The coordinator of --coordinator, CLAW_MESH_COORDINATOR or this machine, with the token of --token or --token-file,
 * CLAW_MESH_TOKEN, the configuration, or, for a coordinator on this machine, of its data directory.
 */
export async function connect(context: CliContext): Promise<Connection> {
  const config = await loadCliConfig(context);
  noteForeignConfig(context, config);
  const asked = namedUrl(context) ?? (await unnamedUrl(config));
  const { url, token } = await findToken(context, config, asked);
  const proxyUrl = proxyForUrl(url, context.env);
  const trust = await findTrust(context, config, url);
  const client = createMeshClient({
    baseUrl: url,
    token: token?.value ?? null,
    fetch:
      trust === null
        ? context.fetch
        : (await import("../platform/tls/trust.ts")).withTrust(context.fetch, trust),
    proxyUrl,
  });
  return { client, config, url, token, proxyUrl };
}

/** @throws MeshError USAGE when it is no address of a coordinator */
export function parseCoordinatorUrl(context: CliContext, text: string): string {
  // A word alone is more likely a slip than a machine on port 80, and would be told much later.
  const isBareWord = /^[\w-]*$/.test(text) && text !== "localhost";
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.parse(withScheme);
  if (
    url === null ||
    isBareWord ||
    !["http:", "https:"].includes(url.protocol) ||
    url.username !== "" ||
    url.search !== ""
  ) {
    throw new MeshError("USAGE", context.texts.errors.notAUrl(text));
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

/** null: the user named none. */
function namedUrl(context: CliContext): string | null {
  const named = context.globals.coordinator ?? context.env.CLAW_MESH_COORDINATOR ?? "";
  return named === "" ? null : parseCoordinatorUrl(context, named);
}

/** The coordinator of the data directory, wherever it listens; while none runs, where the configuration says. */
async function unnamedUrl(config: LoadedConfig): Promise<string> {
  const { port } = config.value.coordinator;
  const configured = localUrl("127.0.0.1", { port, isTls: usesTls(config) });
  if (["flag", "environment"].includes(config.originOf("coordinator.port").kind)) return configured;
  return (await findLocalCoordinator(config.dataDir))?.url ?? configured;
}

interface TokenForUrl {
  readonly token: FoundToken | null;
  /** The one that was asked for, or a safer spelling of it. */
  readonly url: string;
}

/** What the user gave goes where the user says; the token of the data directory to its coordinator only. */
async function findToken({ texts }: CliContext, config: LoadedConfig, url: string): Promise<TokenForUrl> {
  const value = config.value.coordinator.token;
  const { origins } = texts.doctor;
  if (value !== null) {
    const origin = config.originOf("coordinator.token");
    if (origin.kind === "flag") return { url, token: { value, origin: origins.flag(origin.flag) } };
    if (origin.kind === "environment")
      return { url, token: { value, origin: origins.environment(origin.variable) } };
    return { url, token: { value, origin: origins.file(config.file ?? "") } };
  }
  const local = await findLocalToken(config.dataDir, url);
  if (local === null) return { url, token: null };
  return { url: local.url, token: { value: local.token, origin: origins.dataDir(local.path) } };
}
