import type { LoadedConfig } from "../config/load-config.ts";
import { silentLog } from "../platform/log.ts";
import { preparePrivateDir } from "../platform/private-files.ts";
import { MeshError } from "../protocol/errors.ts";
import type { InstallableKind, ProvisionDeps } from "../provision/index.ts";
import { loadCliConfig } from "./connection.ts";
import type { CliContext } from "./context.ts";

/** What the parts that install and start runtimes get of the world of a command. */
export function toProvisionDeps(
  { env, home, clock, fetch }: CliContext,
  { dataDir }: Pick<LoadedConfig, "dataDir">,
): ProvisionDeps {
  return { env, home, dataDir, clock, fetch };
}

/** @throws MeshError USAGE for a runtime that has no gateway that could be started here */
export function parseGatewayKind({ texts }: CliContext, word: string): InstallableKind {
  const kind = word.toLowerCase();
  if (kind === "openclaw" || kind === "zeroclaw") return kind;
  throw new MeshError("USAGE", texts.runtimes.start.notStartable(word));
}

/**
 * The parts of a command about the gateway of one runtime, with the state directory at hand.
 * @throws MeshError USAGE; FILE_UNSAFE and DATA_DIR_UNUSABLE for the state directory
 */
export async function loadGatewayCommand(context: CliContext, word: string) {
  const kind = parseGatewayKind(context, word);
  const deps = toProvisionDeps(context, await loadCliConfig(context));
  await preparePrivateDir(deps.dataDir, { log: silentLog });
  return { kind, deps };
}
