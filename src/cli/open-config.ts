import type { LoadedConfig } from "../config/load-config.ts";
import type { Log } from "../platform/log.ts";
import { findOpenMode } from "../platform/private-files.ts";

/** Warns of a configuration that holds a secret and that other users may read. It is a person's file: its mode stays. */
export async function warnOfOpenConfig(config: LoadedConfig, log: Log): Promise<void> {
  if (config.file === null) return;
  const isInFile = (path: string) => config.originOf(path).kind === "file";
  if (!isInFile("coordinator.token") && !isInFile("node.gateway.token")) return;
  const mode = await findOpenMode(config.file);
  if (mode === null) return;
  log.warn("the configuration holds a token and other users can read it", {
    path: config.file,
    mode,
    remedy: `chmod 600 ${config.file}`,
  });
}
