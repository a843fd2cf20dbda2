import { createMeshClient, type MeshClient } from "../client/index.ts";
import { type ConfigFlag, type LoadedConfig, loadConfig } from "../config/load-config.ts";
import { errorCodeOf, readTextIfExists } from "../platform/atomic-file.ts";
import { isLoopbackHost, proxyForUrl } from "../platform/http-fetch.ts";
import { expandPath, tokenPath } from "../platform/paths.ts";
import { readPrivateText } from "../platform/private-files.ts";
import { MeshError } from "../protocol/errors.ts";
import { Secret } from "../protocol/secret.ts";
import { localUrl } from "./client-flags.ts";
import type { CliContext } from "./context.ts";
import { findTrust } from "./find-trust.ts";
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
  const url = await coordinatorUrl(context, config);
  const token = await findToken(context, config, url);
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

async function coordinatorUrl(context: CliContext, config: LoadedConfig): Promise<string> {
  const named = context.globals.coordinator ?? context.env.CLAW_MESH_COORDINATOR ?? "";
  if (named !== "") return parseCoordinatorUrl(context, named);
  const { port } = config.value.coordinator;
  const plain = localUrl("127.0.0.1", { port, isTls: usesTls(config) });
  if (config.originOf("tls.enabled").kind !== "default" || usesTls(config)) return plain;
  const secure = localUrl("127.0.0.1", { port, isTls: true });
  return (await isServedByOwnAuthority(context, config, secure)) ? secure : plain;
}

/** `up --tls` tells no file of it: where a coordinator of this machine has had TLS, its port is asked what it speaks. */
async function isServedByOwnAuthority(
  { clock }: CliContext,
  config: LoadedConfig,
  url: string,
): Promise<boolean> {
  const { authorityPath } = await import("../platform/tls/own-certificates.ts");
  try {
    if ((await readTextIfExists(authorityPath(config.dataDir))) === null) return false;
    const { fetchCertificates } = await import("../platform/tls/handshake.ts");
    await fetchCertificates({ url, proxyUrl: null, clock });
    return true;
  } catch (error) {
    // Nobody listens, plain HTTP is spoken, or the authority is out of reach: the call itself says so.
    if (error instanceof MeshError || errorCodeOf(error) !== null) return false;
    throw error;
  }
}

async function findToken(context: CliContext, config: LoadedConfig, url: string): Promise<FoundToken | null> {
  const configured = config.value.coordinator.token;
  if (configured !== null) {
    const origin = config.originOf("coordinator.token");
    const { origins } = context.texts.doctor;
    if (origin.kind === "flag") return { value: configured, origin: origins.flag(origin.flag) };
    if (origin.kind === "environment")
      return { value: configured, origin: origins.environment(origin.variable) };
    return { value: configured, origin: origins.file(config.file ?? "") };
  }
  if (!isLoopbackHost(new URL(url).hostname)) return null;
  const path = tokenPath(config.dataDir);
  const text = (await readPrivateText(path))?.trim() ?? "";
  return text === "" ? null : { value: new Secret(text), origin: context.texts.doctor.origins.dataDir(path) };
}
