import { createLog } from "../../platform/log.ts";
import { preparePrivateDir } from "../../platform/private-files.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { InstallableKind } from "../../provision/index.ts";
import { type ProvisionWish, previewProvision, runProvision } from "../auto-install.ts";
import { loadCliConfig } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { printResult } from "../print.ts";
import type { ProvisionFlags } from "../provision-flags.ts";
import { toSafeText } from "../render/safe-text.ts";

export interface InstallRuntimeFlags extends ProvisionFlags {
  readonly noStart?: boolean;
}

export async function installRuntime(
  this: CliContext,
  flags: InstallRuntimeFlags,
  runtime?: string,
): Promise<void> {
  const asked = runtime === undefined ? null : parseInstallable(this, runtime);
  const wish: ProvisionWish = { asked, wanted: "installation", startsGateway: flags.noStart !== true };
  const config = await loadCliConfig(this);
  if (flags.dryRun === true) {
    const { json, text } = await previewProvision(this, config, { flags, wish });
    printResult(this, json, () => toSafeText(text));
    return;
  }
  const { format, level } = config.value.log;
  const log = createLog({ write: this.stderr.write, format, level });
  await preparePrivateDir(config.dataDir, { log });
  const outcome = await runProvision(this, config, { flags, wish });
  const { outcomeJson, outcomeText } = await import("../provision-text.ts");
  printResult(this, outcomeJson(outcome), () => toSafeText(outcomeText(this.texts.provision, outcome)));
}

function parseInstallable({ texts }: CliContext, word: string): InstallableKind {
  if (word === "openclaw" || word === "zeroclaw") return word;
  throw new MeshError("USAGE", texts.provision.badRuntime(word));
}
