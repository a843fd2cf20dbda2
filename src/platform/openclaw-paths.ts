import { dirname, join } from "node:path";
import { readBoundedText } from "./bounded-file.ts";
import type { Environment } from "./environment.ts";
import { parseJson5Text } from "./json5-text.ts";
import { expandPath } from "./paths.ts";

/** Where OpenClaw keeps its files on this machine, and what its configuration says. */
export interface OpenclawPlaces {
  readonly stateDir: string;
  readonly configPath: string;
  /** The default agent's first. */
  readonly workspaces: readonly string[];
  /** Parsed JSON5; null when there is none that can be read. */
  readonly config: unknown;
}

/** Bytes of an openclaw.json; a real one has a few thousand. */
export const maxConfigBytes = 1024 * 1024;

/** Agents whose own workspaces count. */
const maxAgents = 32;

/** Where OpenClaw's own files are, whether or not they exist. */
export interface OpenclawPaths {
  /** What `~` is in its settings. */
  readonly home: string;
  readonly stateDir: string;
  readonly configPath: string;
}

/**
 * By the variables that OpenClaw reads itself: OPENCLAW_CONFIG_PATH, OPENCLAW_STATE_DIR, else `~/.openclaw`, or
 * `~/.openclaw-NAME` where OPENCLAW_PROFILE names one; `~` is OPENCLAW_HOME, else this user's home. The one place that knows.
 */
export function toOpenclawPaths(env: Environment, userHome: string): OpenclawPaths {
  const home = inHome(env.OPENCLAW_HOME, userHome) ?? userHome;
  const stateDir = inHome(env.OPENCLAW_STATE_DIR, home) ?? join(home, stateFolder(env.OPENCLAW_PROFILE));
  return {
    home,
    stateDir,
    configPath: inHome(env.OPENCLAW_CONFIG_PATH, home) ?? join(stateDir, "openclaw.json"),
  };
}

/** The name of the default profile adds nothing. */
function stateFolder(profile: string | undefined): string {
  const name = profile?.trim() ?? "";
  return name === "" || name.toLowerCase() === "default" ? ".openclaw" : `.openclaw-${name}`;
}

/** A path from a variable, in which `~` is the home directory; undefined when it is not set. */
function inHome(path: string | undefined, home: string): string | undefined {
  const trimmed = path?.trim() ?? "";
  return trimmed === "" ? undefined : trimmed.replace(/^~(?=$|[/\\])/, () => home);
}

/** What its configuration says, too; OPENCLAW_WORKSPACE_DIR is where the workspace is that it does not name. */
export async function findOpenclawPlaces(env: Environment, userHome: string): Promise<OpenclawPlaces> {
  const { home, stateDir, configPath } = toOpenclawPaths(env, userHome);
  const read = await readBoundedText(configPath, { maxBytes: maxConfigBytes, followsLinks: true });
  const config = "text" in read ? (parseJson5Text(read.text) ?? null) : null;
  const agents = valueAt(config, ["agents", "entries"]);
  const own = typeof agents === "object" && agents !== null ? Object.values(agents) : [];
  const usual = inHome(env.OPENCLAW_WORKSPACE_DIR, home) ?? join(stateDir, "workspace");
  const configured = [
    valueAt(config, ["agents", "defaults", "workspace"]) ?? usual,
    ...own.slice(0, maxAgents).map((agent) => valueAt(agent, ["workspace"])),
  ].filter((path) => typeof path === "string" && path !== "");
  return {
    stateDir,
    configPath,
    workspaces: configured.map((path) => expandPath(String(path), { home, cwd: dirname(configPath) })),
    config,
  };
}

/** What stands at this path of objects; undefined when nothing does. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  let here = value;
  for (const step of path) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, step)) return undefined;
    here = (here as Readonly<Record<string, unknown>>)[step];
  }
  return here;
}
