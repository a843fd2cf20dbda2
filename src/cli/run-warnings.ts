import type { LoadedConfig } from "../config/load-config.ts";
import { isLoopbackHost } from "../platform/http-fetch.ts";
import { createLog, type Log } from "../platform/log.ts";
import { findOpenMode } from "../platform/private-files.ts";
import { plainHttpRisk } from "../platform/tls/plain-http-risk.ts";
import type { CliContext } from "./context.ts";
import { printNote } from "./print.ts";
import { shellWord } from "./shell-word.ts";

/**
 * Says which configuration counts, and which of the usual places were passed over and why: whatever level the log has, as the
 * configuration itself may have set it.
 */
export function tellConfig({ stderr }: Pick<CliContext, "stderr">, config: LoadedConfig): void {
  const log = createLog({ write: stderr.write, format: config.value.log.format, level: "info" });
  for (const { path, reason, isForeign } of config.skipped) {
    if (isForeign) {
      const remedy = `if you trust what is in it: --config ${shellWord(path)}`;
      log.warn("configuration is passed over: others could have written it", { path, reason, remedy });
    } else log.warn("file is not a configuration", { path, reason });
  }
  if (config.file === null) return;
  log.info("configuration read", { path: config.file });
  if (config.foreignHand === null) return;
  log.warn("others could have written the configuration", { path: config.file, reason: config.foreignHand });
}

/** As {@link tellConfig}, of what is unsafe only, for a command that a person runs. */
export function noteForeignConfig(context: CliContext, config: LoadedConfig): void {
  const { texts } = context;
  for (const { path, reason, isForeign } of config.skipped)
    if (isForeign) printNote(context, texts.config.passedOver(path, reason));
  if (config.file !== null && config.foreignHand !== null)
    printNote(context, texts.config.namedIsOpen(config.file, config.foreignHand));
}

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
