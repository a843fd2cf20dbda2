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

/** By the variables that OpenClaw reads itself: OPENCLAW_HOME, OPENCLAW_STATE_DIR, OPENCLAW_CONFIG_PATH. */
export async function findOpenclawPlaces(env: Environment, home: string): Promise<OpenclawPlaces> {
  const base = env.OPENCLAW_HOME || home;
  const stateDir = env.OPENCLAW_STATE_DIR || join(base, ".openclaw");
  const configPath = env.OPENCLAW_CONFIG_PATH || join(stateDir, "openclaw.json");
  const read = await readBoundedText(configPath, { maxBytes: maxConfigBytes, followsLinks: true });
  const config = "text" in read ? (parseJson5Text(read.text) ?? null) : null;
  const agents = valueAt(config, ["agents", "entries"]);
  const own = typeof agents === "object" && agents !== null ? Object.values(agents) : [];
  const configured = [
    valueAt(config, ["agents", "defaults", "workspace"]) ?? join(stateDir, "workspace"),
    ...own.slice(0, maxAgents).map((agent) => valueAt(agent, ["workspace"])),
  ].filter((path) => typeof path === "string" && path !== "");
  return {
    stateDir,
    configPath,
    workspaces: configured.map((path) => expandPath(String(path), { home: base, cwd: dirname(configPath) })),
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
