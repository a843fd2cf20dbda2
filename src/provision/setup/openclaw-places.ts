import { join } from "node:path";
import { discoverOpenclaw } from "../../runtimes/openclaw/discover.ts";
import type { ProvisionDeps } from "../provision-deps.ts";
import { readConfigFile } from "./config-file.ts";

export interface OpenclawPlaces {
  readonly configPath: string;
  /** Variables that OpenClaw reads beside those of its process. */
  readonly envPath: string;
}

/** What OpenClaw's own files say. */
export function discoverFor({ env, home }: ProvisionDeps) {
  return discoverOpenclaw({
    env,
    homeDirectory: home,
    // A file that cannot be read tells nothing here.
    readText: (path) => readConfigFile(path).catch(() => null),
  });
}

/** As OpenClaw looks for them. */
export async function findPlaces(deps: ProvisionDeps): Promise<OpenclawPlaces> {
  const { env, home } = deps;
  const { configPath } = await discoverFor(deps);
  const stateDirectory =
    nonEmpty(env.OPENCLAW_STATE_DIR) ?? join(nonEmpty(env.OPENCLAW_HOME) ?? home, ".openclaw");
  return { configPath, envPath: join(stateDirectory, ".env") };
}

export function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text;
}
