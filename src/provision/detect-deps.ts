import { readFile, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { findOnPath } from "../platform/path-lookup.ts";
import type { Random } from "../platform/random.ts";
import type { Secret } from "../protocol/secret.ts";
import type { ProvisionDeps } from "./provision-deps.ts";

/** What detection gets of the world. Places and ports are inputs, so that tests look at nothing of the machine they run on. */
export interface DetectDeps extends ProvisionDeps {
  readonly random: Random;
  /** Opens a WebSocket; default: the platform's own. */
  readonly openSocket?: (url: string) => WebSocket;
  /** Whether programs are run with `--version`; default true. It takes seconds on a busy machine. */
  readonly asksVersions?: boolean;
  /** What the operator gave as the token of OpenClaw's gateway; default null: what its own files tell. */
  readonly gatewayToken?: Secret | null;
  /** Where model servers are looked for; default: {@link usualServers}. */
  readonly servers?: readonly UsualServer[];
  /** Ports of gateways whose own files name none; default: OpenClaw's 18789 and ZeroClaw's 42617. */
  readonly gatewayPorts?: { readonly openclaw: number; readonly zeroclaw: number };
}

/** Where a server usually listens on its own machine. */
export interface UsualServer {
  /** Of 127.0.0.1. */
  readonly port: number;
  /** Servers of this port, for people: what answers there is asked what it is. */
  readonly products: readonly string[];
}

/** OpenAI-compatible servers by the port that they take unless told otherwise. A new one is a row. */
export const usualServers: readonly UsualServer[] = [
  { port: 8642, products: ["Hermes Agent"] },
  { port: 8900, products: ["nanobot"] },
  { port: 3000, products: ["IronClaw"] },
  { port: 11434, products: ["Ollama"] },
  { port: 1234, products: ["LM Studio"] },
  { port: 8000, products: ["vLLM"] },
  { port: 8080, products: ["llama.cpp", "LocalAI", "MLX"] },
  { port: 30000, products: ["SGLang"] },
  { port: 1337, products: ["Jan"] },
  { port: 5001, products: ["KoboldCpp"] },
];

/** Longest time for everything that is asked of one address. */
export const detectLimitMs = 3_000;

/** Bytes of another program's configuration that are read. */
const maxConfigBytes = 4 * 1024 * 1024;

/** Text of a file; null when there is none, or it cannot be read, or is no configuration by its size. */
export async function readSmallFile(path: string): Promise<string | null> {
  try {
    const { size } = await stat(path);
    return size > maxConfigBytes ? null : await readFile(path, "utf8");
  } catch {
    // What cannot be read tells nothing; the gateway itself will say what is missing.
    return null;
  }
}

/** Folders of a user's own programs, which PATH lacks where a service starts, or a shell without its profile. */
const userFolders = [".local/bin", ".cargo/bin", ".bun/bin", ".npm-global/bin"];

/** Which of the programs are on PATH or in the usual folders of a user, each with its file. Starts none. */
export function findPrograms(
  names: readonly string[],
  deps: Pick<DetectDeps, "env" | "home" | "clock">,
): Promise<ReadonlyMap<string, string>> {
  return findOnPath(names, { env: withUserFolders(deps), clock: deps.clock });
}

/** The environment with those folders at the end of PATH. */
export function withUserFolders({ env, home }: Pick<DetectDeps, "env" | "home">): DetectDeps["env"] {
  const folders = [env.PATH ?? "", ...userFolders.map((folder) => join(home, folder))];
  return { ...env, PATH: folders.filter((folder) => folder !== "").join(delimiter) };
}
