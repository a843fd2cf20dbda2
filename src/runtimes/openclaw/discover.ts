import { join } from "node:path";
import { z } from "zod";
import { parseDotEnv } from "../../platform/dot-env.ts";
import { toOpenclawPaths } from "../../platform/openclaw-paths.ts";
import { type Secret, toSecret } from "../../protocol/secret.ts";

interface DiscoverOptions {
  /** Environment variables of the node agent. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  /** Text of a file; null when there is none or it cannot be read. */
  readonly readText: (path: string) => Promise<string | null>;
}

/** Where OpenClaw's own files say that its gateway is. Whether it runs is for a probe to tell. */
interface DiscoveredOpenclaw {
  /** `ws://127.0.0.1:18789` */
  readonly url: string;
  /** null: not to be found out; see `tokenProblem`. */
  readonly token: Secret | null;
  /** One sentence: why there is no token, and what to do; null when there is one. */
  readonly tokenProblem: string | null;
  readonly configPath: string;
  /** Whether there is a configuration file: whether OpenClaw was ever set up here. */
  readonly hasConfig: boolean;
}

const defaultPort = 18789;

const GatewayConfig = z.object({
  gateway: z
    .object({
      port: z.union([z.number(), z.string()]).optional(),
      tls: z.object({ enabled: z.boolean().optional() }).optional(),
      auth: z.object({ token: z.unknown().optional(), password: z.unknown().optional() }).optional(),
    })
    .optional(),
});
type GatewayConfig = z.infer<typeof GatewayConfig>;

/**
 * Reads address and token as OpenClaw itself does: where {@link toOpenclawPaths} says; JSON5; `${NAME}` from the environment
 * or the state directory's `.env`. A token in OpenClaw's secret store stays there.
 */
export async function discoverOpenclaw(options: DiscoverOptions): Promise<DiscoveredOpenclaw> {
  const { env, readText } = options;
  const { stateDir, configPath } = toOpenclawPaths(env, options.homeDirectory);
  const text = await readText(configPath);
  const config = text === null ? {} : parseConfig(text);
  const dotEnv = parseDotEnv((await readText(join(stateDir, ".env"))) ?? "");
  const lookUp = (name: string) => nonEmpty(env[name]) ?? nonEmpty(dotEnv.get(name));
  const port = Number(
    lookUp("OPENCLAW_GATEWAY_PORT") ?? resolve(config.gateway?.port, lookUp) ?? defaultPort,
  );
  const scheme = config.gateway?.tls?.enabled === true ? "wss" : "ws";
  const token = toSecret(findToken(config, lookUp));
  return {
    url: `${scheme}://127.0.0.1:${isPort(port) ? port : defaultPort}`,
    token,
    tokenProblem:
      token === null
        ? `no OpenClaw gateway token was found in ${configPath} or OPENCLAW_GATEWAY_TOKEN; give it with --gateway-token`
        : null,
    configPath,
    hasConfig: text !== null,
  };
}

type LookUp = (name: string) => string | undefined;

function findToken(config: GatewayConfig, lookUp: LookUp): string | null {
  const auth = config.gateway?.auth;
  return (
    resolve(auth?.token, lookUp) ??
    lookUp("OPENCLAW_GATEWAY_TOKEN") ??
    resolve(auth?.password, lookUp) ??
    lookUp("OPENCLAW_GATEWAY_PASSWORD") ??
    null
  );
}

const environmentReference = z.object({ source: z.literal("env"), id: z.string() });
const template = /\$\{([A-Z_][A-Z0-9_]*)\}/g;

/** A value of the configuration as text; undefined when it, or a variable that it names, is not there. */
function resolve(value: unknown, lookUp: LookUp): string | undefined {
  if (typeof value === "number") return String(value);
  const reference = environmentReference.safeParse(value);
  if (reference.success) return lookUp(reference.data.id);
  if (typeof value !== "string") return undefined;
  let isComplete = true;
  const text = value.replace(template, (_, name: string) => {
    const found = lookUp(name);
    isComplete &&= found !== undefined;
    return found ?? "";
  });
  return isComplete ? nonEmpty(text) : undefined;
}

/** A file that OpenClaw could not read either counts as empty. */
function parseConfig(text: string): GatewayConfig {
  const config = GatewayConfig.safeParse(parseJson5(text));
  return config.success ? config.data : {};
}

function parseJson5(text: string): unknown {
  try {
    return Bun.JSON5.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536;
}
