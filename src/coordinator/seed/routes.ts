import { toShareableConfig } from "../../domain/seed/shareable-config.ts";
import { readBoundedText } from "../../platform/bounded-file.ts";
import { parseJson5Text } from "../../platform/json5-text.ts";
import type { Log } from "../../platform/log.ts";
import { findOpenclawPlaces, maxConfigBytes } from "../../platform/openclaw-paths.ts";
import { homeDir } from "../../platform/paths.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { SeedFile } from "../../protocol/http/seed-routes.ts";
import type { Handlers } from "../http/http-server.ts";
import { readWorkspace } from "./read-workspace.ts";
import type { SeedSettings } from "./seed-settings.ts";

interface SeedRouteOptions {
  /** null: nothing is offered. */
  readonly seed: SeedSettings | null;
  readonly log: Log;
}

/** Names that one line of the log tells. */
const maxTold = 10;

/** What the coordinator's machine offers new nodes; read anew for each call, and once for calls at the same time. */
export function createSeedRoutes({
  seed,
  log,
}: SeedRouteOptions): Pick<Handlers, "getSeedConfig" | "getSeedWorkspace"> {
  const loadConfig = shared(async () => {
    const { configFile, places } = await findFiles(assertOffered(seed));
    const read = await readBoundedText(configFile ?? places.configPath, {
      maxBytes: maxConfigBytes,
      followsLinks: true,
    });
    const parsed = "text" in read ? parseJson5Text(read.text) : undefined;
    if (parsed === undefined) {
      throw new MeshError(
        "SEED_NOT_FOUND",
        "the coordinator's machine has no OpenClaw configuration to offer",
      );
    }
    return toShareableConfig(parsed);
  });
  const loadWorkspace = shared(async (): Promise<{ files: SeedFile[] }> => {
    const { workspaceDir, places } = await findFiles(assertOffered(seed));
    const workspace = workspaceDir ?? places.workspaces[0];
    const { files, leftOut } =
      workspace === undefined ? { files: [], leftOut: [] } : await readWorkspace(workspace);
    if (leftOut.length > 0) {
      log.warn("workspace files are not offered as seed", {
        count: leftOut.length,
        files: leftOut
          .slice(0, maxTold)
          .map(({ path, reason }) => `${path} (${reason})`)
          .join(", "),
      });
    }
    if (files.length === 0) {
      throw new MeshError("SEED_NOT_FOUND", "the coordinator's machine has no workspace files to offer");
    }
    return { files: [...files] };
  });
  return {
    getSeedConfig: async ({ principal }) => {
      const config = await loadConfig();
      log.info("seed of the configuration given", {
        node: principal.nodeId,
        keys: Object.keys(config).join(","),
      });
      return config;
    },
    getSeedWorkspace: async ({ principal }) => {
      const workspace = await loadWorkspace();
      log.info("seed of the workspace given", { node: principal.nodeId, files: workspace.files.length });
      return workspace;
    },
  };
}

function assertOffered(seed: SeedSettings | null): SeedSettings {
  if (seed !== null) return seed;
  throw new MeshError("SEED_NOT_FOUND", "this coordinator offers no seed", {
    hint: "Its operator can offer one with coordinator.seed: true.",
  });
}

async function findFiles(seed: SeedSettings) {
  return { ...seed, places: await findOpenclawPlaces(seed.env, homeDir(seed.env)) };
}

/** However many ask at once, it is done once. */
function shared<Value>(load: () => Promise<Value>): () => Promise<Value> {
  let running: Promise<Value> | null = null;
  return () => {
    running ??= load().finally(() => {
      running = null;
    });
    return running;
  };
}
