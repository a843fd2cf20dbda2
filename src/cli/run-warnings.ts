import type { LoadedConfig } from "../config/load-config.ts";
import { isLoopbackHost } from "../platform/http-fetch.ts";
import type { Log } from "../platform/log.ts";
import { findOpenMode } from "../platform/private-files.ts";
import { plainHttpRisk } from "../platform/tls/plain-http-risk.ts";

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

/** Warns of plain HTTP with another machine than this one. */
export function warnOfPlainHttp(host: string, role: keyof typeof plainHttpRisk, log: Log): void {
  if (isLoopbackHost(host)) return;
  const { message, remedy } = plainHttpRisk[role];
  log.warn(message, { remedy });
}
