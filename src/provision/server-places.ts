import { stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { parseDotEnv } from "../platform/dot-env.ts";
import { parseJsonText } from "../protocol/json-text.ts";
import { type Secret, toSecret } from "../protocol/secret.ts";
import { type DetectDeps, readSmallFile, usualServers } from "./detect-deps.ts";

/** Where an OpenAI-compatible server may be on this machine. */
export interface ServerPlace {
  /** Of 127.0.0.1. */
  readonly port: number;
  /** What the server's own files tell; null: none. */
  readonly apiKey: Secret | null;
  /** The only product that the key is for. */
  readonly keyOf: "Hermes Agent" | "nanobot" | null;
  /** What says that it may be here, where that is a file or a variable; null: it is a usual port. */
  readonly from: string | null;
}

/**
 * The usual ports, and what the files and variables of servers say of this machine: Ollama's `OLLAMA_HOST`, the `.env` of
 * Hermes Agent, the `config.json` of nanobot. Keys in those files go to no other port than the one they name.
 */
export async function findServerPlaces(deps: DetectDeps): Promise<readonly ServerPlace[]> {
  const told = await Promise.all([findHermes(deps), findNanobot(deps), findOllama(deps)]);
  const places = told.filter((place) => place !== null);
  const taken = new Set(places.map(({ port }) => port));
  const usual = (deps.servers ?? usualServers)
    .filter(({ port }) => !taken.has(port))
    .map(({ port }) => ({ port, apiKey: null, keyOf: null, from: null }));
  return [...places, ...usual];
}

async function findHermes({ env, home }: DetectDeps): Promise<ServerPlace | null> {
  const folder = env.HERMES_HOME ?? "";
  const place = folder === "" ? join(home, ".hermes") : folder;
  // The names of its variables are anybody's: where there is no Hermes, they mean something else.
  if (!(await isFolder(place))) return null;
  const path = join(place, ".env");
  const entries = parseDotEnv((await readSmallFile(path)) ?? "");
  const lookUp = (name: string) => env[name] ?? entries.get(name);
  const apiKey = toSecret(lookUp("API_SERVER_KEY") ?? null);
  const port = toPort(lookUp("API_SERVER_PORT"));
  if (apiKey === null && port === null) return null;
  return { port: port ?? 8642, apiKey, keyOf: "Hermes Agent", from: `configuration ${path}` };
}

const NanobotConfig = z.object({
  api: z.object({ port: z.number().optional(), apiKey: z.string().optional() }),
});

async function findNanobot({ env, home }: DetectDeps): Promise<ServerPlace | null> {
  const path = join(home, ".nanobot", "config.json");
  const config = NanobotConfig.safeParse(readJsonText(await readSmallFile(path))).data?.api;
  if (config === undefined) return null;
  const key = (config.apiKey ?? "").replace(
    /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g,
    (_, name: string) => env[name] ?? "",
  );
  return {
    port: toPort(config.port) ?? 8900,
    apiKey: toSecret(key),
    keyOf: "nanobot",
    from: `configuration ${path}`,
  };
}

/** `OLLAMA_HOST` names an address to listen at, or one of another machine; only the port of this one counts. */
function findOllama({ env }: DetectDeps): ServerPlace | null {
  const value = env.OLLAMA_HOST?.trim() ?? "";
  const url = URL.parse(value.includes("://") ? value : `http://${value.replace(/^:/, "127.0.0.1:")}`);
  const isHere = url !== null && /^(?:localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1?\])$/.test(url.hostname);
  const port = isHere ? toPort(url.port) : null;
  return port === null ? null : { port, apiKey: null, keyOf: null, from: "OLLAMA_HOST" };
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // What cannot be looked at is not this user's to have set up.
    return false;
  }
}

function toPort(value: string | number | undefined): number | null {
  const port = value === undefined || value === "" ? Number.NaN : Number(value);
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : null;
}

function readJsonText(text: string | null): unknown {
  if (text === null) return null;
  try {
    return parseJsonText(text);
  } catch {
    // A file that its own program could not read either tells nothing.
    return null;
  }
}
