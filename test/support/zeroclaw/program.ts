import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { ConfigRefused, loadConfigText, readConfig, withPairedToken, type ZeroclawConfig } from "./config.ts";
import { startZeroclawGateway, type ZeroclawGateway } from "./gateway.ts";
import { profileVersions, type ZeroclawKnobs } from "./gateway-state.ts";

/**
 * The program `zeroclaw` as far as a node agent uses it: `--version`, `gateway [start]`, `status --format exit-code`. Its own
 * knobs come as JSON in FAKE_ZEROCLAW_KNOBS; each start is a line in `<configuration folder>/starts.log`.
 */
async function main(args: readonly string[]): Promise<number> {
  const env = process.env;
  const knobs: ZeroclawKnobs = JSON.parse(env.FAKE_ZEROCLAW_KNOBS ?? "{}");
  const version = knobs.version ?? profileVersions[knobs.profile ?? "0.8"];
  if (args.includes("--version") || args.includes("-V")) {
    console.log(`zeroclaw ${version}`);
    return 0;
  }
  const flags = readFlags(args);
  if (flags === null) return complain("error: unexpected argument\n\nFor more information, try '--help'.", 2);
  const folder =
    flags.configDir ??
    env.ZEROCLAW_CONFIG_DIR ??
    env.ZEROCLAW_DATA_DIR ??
    env.ZEROCLAW_WORKSPACE ??
    join(env.HOME ?? homedir(), ".zeroclaw");
  const [command, sub] = flags.words;
  try {
    const config = withFlags(loadConfig(folder, { allowDegraded: flags.allowDegraded }), flags);
    if (command === "status") return await tellStatus(config, flags.format === "exit-code");
    if (command === "gateway" && (sub === undefined || sub === "start"))
      return await serve(config, knobs, folder);
  } catch (error) {
    if (error instanceof ConfigRefused) return complain(`Error: ${error.message}`, 1);
    throw error;
  }
  return complain(`error: unrecognized subcommand '${command}'`, 2);
}

interface Flags {
  readonly words: readonly string[];
  readonly configDir: string | null;
  readonly port: number | null;
  readonly host: string | null;
  readonly format: string | null;
  readonly allowDegraded: boolean;
}

function readFlags(args: readonly string[]): Flags | null {
  const values = new Map<string, string>();
  const words: string[] = [];
  const known: Readonly<Record<string, string>> = { "-p": "--port", "--host": "--host", "--port": "--port" };
  for (let at = 0; at < args.length; at++) {
    const [name = "", inline] = (args[at] ?? "").split("=", 2);
    const flag = known[name] ?? name;
    if (!name.startsWith("-")) words.push(name);
    else if (flag === "--allow-degraded-security" || flag === "-v" || flag === "--verbose")
      values.set(flag, "");
    else if (["--port", "--host", "--config-dir", "--format", "--log-level"].includes(flag)) {
      const value = inline ?? args[++at];
      if (value === undefined) return null;
      values.set(flag, value);
    } else return null;
  }
  const port = values.get("--port");
  return {
    words,
    configDir: values.get("--config-dir") ?? null,
    port: port === undefined ? null : Number(port),
    host: values.get("--host") ?? null,
    format: values.get("--format") ?? null,
    allowDegraded: values.has("--allow-degraded-security"),
  };
}

function loadConfig(folder: string, options: { readonly allowDegraded: boolean }): ZeroclawConfig {
  try {
    return readConfig(loadConfigText(folder), process.env);
  } catch (error) {
    if (!options.allowDegraded || !(error instanceof ConfigRefused)) throw error;
    return readConfig(null, process.env);
  }
}

function withFlags(config: ZeroclawConfig, { port, host }: Flags): ZeroclawConfig {
  const gateway = { ...config.gateway, port: port ?? config.gateway.port, host: host ?? config.gateway.host };
  return { ...config, gateway };
}

async function tellStatus(config: ZeroclawConfig, isExitCode: boolean): Promise<number> {
  const { host, port } = config.gateway;
  if (!isExitCode) {
    console.log(`Gateway: http://${host}:${port}`);
    return 0;
  }
  const signal = AbortSignal.timeout(5_000);
  const answer = await fetch(`http://${host}:${port}/health`, { signal }).catch(() => null);
  return answer?.ok === true ? 0 : 1;
}

async function serve(config: ZeroclawConfig, knobs: ZeroclawKnobs, folder: string): Promise<number> {
  const { promise: ended, resolve: end } = Promise.withResolvers<number>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => end(0));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "starts.log"), `${process.pid}\n`, { flag: "a" });
  await Bun.sleep(knobs.startDelayMs ?? 0);
  const gateway = await listen(config, knobs, { folder, end });
  if (gateway === null) {
    return complain(`Error: Address already in use (os error 98)\n\n${portHint(config)}`, 1);
  }
  const { pairing, host, port } = gateway;
  console.log(`🦀 ZeroClaw Gateway listening on http://${host}:${port}`);
  if (!pairing.isRequired) console.log("  ⚠️  Pairing: DISABLED (all requests accepted)");
  else if (pairing.firstCode() === null) console.log("  🔒 Pairing: ACTIVE (already paired)");
  else
    console.log(
      `  🔐 PAIRING REQUIRED\n     ┌──────────────┐\n     │  ${pairing.firstCode()}  │\n     └──────────────┘`,
    );
  if (knobs.crashAfterMs !== undefined) setTimeout(() => end(101), knobs.crashAfterMs);
  const code = await ended;
  if (code === 101) console.error("thread 'main' panicked at crates/zeroclaw-gateway/src/lib.rs");
  await gateway.stop();
  return code;
}

/** null: the port is taken. */
async function listen(
  config: ZeroclawConfig,
  knobs: ZeroclawKnobs,
  { folder, end }: { readonly folder: string; readonly end: (code: number) => void },
): Promise<ZeroclawGateway | null> {
  const file = join(folder, "config.toml");
  const onPaired = (hash: string) =>
    writeFileSync(file, withPairedToken(readText(file), hash), { mode: 0o600 });
  const sessionsFile = join(folder, "data", "sessions", "sessions.json");
  try {
    return await startZeroclawGateway({ config, knobs, sessionsFile, onPaired, onShutdown: () => end(0) });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return null;
    throw error;
  }
}

const portHint = ({ gateway }: ZeroclawConfig) =>
  `Port ${gateway.port} is already in use. Is another ZeroClaw gateway running? Choose another with --port.`;

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "schema_version = 3\n";
    throw error;
  }
}

function complain(text: string, code: number): number {
  console.error(text);
  return code;
}

process.exit(await main(process.argv.slice(2)));
