import { join } from "node:path";
import { toOpenclawPaths } from "../../platform/openclaw-paths.ts";
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
export async function findPlaces({ env, home }: ProvisionDeps): Promise<OpenclawPlaces> {
  const { configPath, stateDir } = toOpenclawPaths(env, home);
  return { configPath, envPath: join(stateDir, ".env") };
}

export function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text;
}
