import { createMeshClient, type MeshFetch } from "../../client/index.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Environment } from "../../platform/environment.ts";
import type { Log } from "../../platform/log.ts";
import { findOpenclawPlaces } from "../../platform/openclaw-paths.ts";
import { homeDir } from "../../platform/paths.ts";
import { MeshError } from "../../protocol/errors.ts";
import { contract } from "../../protocol/http/contract.ts";
import type { Secret } from "../../protocol/secret.ts";
import { takeConfig } from "./take-config.ts";
import { takeWorkspace } from "./take-workspace.ts";

/** Longest wait for one of the two answers. */
const answerLimitMs = 30_000;

/** Names that one line of the log tells. */
const maxTold = 10;

/** How a node that has joined reaches its coordinator. */
export interface JoinedAccess {
  readonly url: string;
  readonly fetch: MeshFetch;
  readonly proxyUrl: string | null;
  /** The node's own. */
  readonly token: Secret;
}

interface SeedDeps {
  readonly env: Environment;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Takes over what the coordinator's machine offers: workspace files first, then the configuration. Whatever goes wrong is one
 * warning each, and the node goes on. Never rejects.
 */
export async function syncSeed(access: JoinedAccess, deps: SeedDeps): Promise<void> {
  const { env, clock, log } = deps;
  const home = homeDir(env);
  const client = createMeshClient({ ...access, baseUrl: access.url, timeoutMs: answerLimitMs });

  async function step(what: string, take: () => Promise<void>): Promise<void> {
    try {
      await take();
    } catch (error) {
      if (error instanceof MeshError && error.code === "SEED_NOT_FOUND") {
        log.info(`no seed of the ${what}`, { reason: error.message });
        return;
      }
      const known = error instanceof MeshError ? { code: error.code, reason: error.message } : { error };
      log.warn(`the seed of the ${what} was not taken over`, known);
    }
  }

  const places = await findOpenclawPlaces(env, home);
  if (places.config === null) {
    log.warn("no seed is taken over: OpenClaw is not set up on this machine", { config: places.configPath });
    return;
  }
  await step("workspace", async () => {
    const { files } = await client.call(contract.getSeedWorkspace, {});
    const workspace = places.workspaces[0] ?? places.stateDir;
    const { created, merged, refused } = await takeWorkspace(workspace, files, clock.nowMs());
    log.info("seed of the workspace taken over", { created: told(created), merged: told(merged) });
    if (refused.length > 0) {
      log.warn("files of the seed were refused", {
        count: refused.length,
        files: told(refused.map(({ path, reason }) => `${JSON.stringify(path)} (${reason})`)),
      });
    }
  });
  await step("configuration", async () => {
    const given = await client.call(contract.getSeedConfig, {});
    const taken = await takeConfig(places.configPath, given, { env, home, clock });
    if ("added" in taken) {
      log.info("seed of the configuration taken over", { added: told(taken.added) });
    } else log.warn("the seed of the configuration was not taken over", { reason: taken.refused });
  });
}

function told(names: readonly string[]): string {
  const more = names.length - maxTold;
  return [...names.slice(0, maxTold), ...(more > 0 ? [`and ${more} more`] : [])].join(", ");
}
