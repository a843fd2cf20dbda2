import { createMeshClient, type MeshFetch } from "../../client/index.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Environment } from "../../platform/environment.ts";
import type { Log } from "../../platform/log.ts";
import { findOpenclawPlaces } from "../../platform/openclaw-paths.ts";
import { homeDir } from "../../platform/paths.ts";
import { MeshError } from "../../protocol/errors.ts";
import { contract } from "../../protocol/http/contract.ts";
import type { Secret } from "../../protocol/secret.ts";
import { createSeedRecord, type SeedPart } from "./seed-record.ts";
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
  /** null: a classic coordinator's, which has no id. */
  readonly meshId: string | null;
}

interface SeedDeps {
  readonly env: Environment;
  readonly clock: Clock;
  readonly log: Log;
  readonly dataDir: string;
  /** Of this node. */
  readonly name: string;
  /** `once`: each part once for this node's identity; `now`: also when it was taken before. */
  readonly when: "once" | "now";
}

/**
 * Takes over what the coordinator's machine offers: workspace files first, then the configuration. Whatever goes wrong is one
 * warning each, and the node goes on; what was not taken is asked for again at the next start. Never rejects.
 */
export async function syncSeed(access: JoinedAccess, deps: SeedDeps): Promise<void> {
  const { env, clock, log, dataDir, when } = deps;
  const home = homeDir(env);
  const client = createMeshClient({ ...access, baseUrl: access.url, timeoutMs: answerLimitMs });
  const identity = `${access.meshId ?? access.url} ${deps.name.toLowerCase()}`;
  const record = createSeedRecord({ dataDir, identity, clock });

  /** @param take whether it was taken */
  async function step(part: SeedPart, take: () => Promise<boolean>): Promise<void> {
    const what = partNames[part];
    try {
      if (when === "once" && (await record.wasTaken(part))) {
        log.debug(`the seed of the ${what} was taken over before`);
      } else if (await take()) await record.setTaken(part);
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
    const { created, merged, refused } = await takeWorkspace(workspace, files, {
      clock,
      onChange: record.addChange,
    });
    const list = created.length + merged.length > 0 ? { list: record.changesFile } : {};
    log.info("seed of the workspace taken over", { created: told(created), merged: told(merged), ...list });
    if (refused.length > 0) {
      log.warn("files of the seed were refused", {
        count: refused.length,
        files: told(refused.map(({ path, reason }) => `${JSON.stringify(path)} (${reason})`)),
      });
    }
    return true;
  });
  await step("config", async () => {
    const given = await client.call(contract.getSeedConfig, {});
    const taken = await takeConfig(places.configPath, given, { env, home, clock });
    if ("refused" in taken) {
      log.warn("the seed of the configuration was not taken over", { reason: taken.refused });
      return false;
    }
    const { added, file, backup } = taken;
    if (backup !== null) await record.addChange({ change: "changed", file, backup });
    const list = backup === null ? {} : { list: record.changesFile };
    log.info("seed of the configuration taken over", { added: told(added), ...list });
    return true;
  });
}

const partNames: Readonly<Record<SeedPart, string>> = { workspace: "workspace", config: "configuration" };

function told(names: readonly string[]): string {
  const more = names.length - maxTold;
  return [...names.slice(0, maxTold), ...(more > 0 ? [`and ${more} more`] : [])].join(", ");
}
