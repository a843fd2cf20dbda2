import { configFileName } from "../../config/config-file.ts";
import { printInitialConfig, toNodeName } from "../../config/initial-config.ts";
import { defaultPort } from "../../config/schema.ts";
import { errorCodeOf, writeFileAtomic } from "../../platform/atomic-file.ts";
import { expandPath } from "../../platform/paths.ts";
import { MeshError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";
import type { CliContext } from "../context.ts";
import { toFileProblem } from "../file-problem.ts";
import { printResult } from "../print.ts";

export interface InitFlags {
  readonly force?: boolean;
  readonly tls?: boolean;
}

export async function writeConfig(this: CliContext, flags: InitFlags): Promise<void> {
  const file = this.globals.config ?? configFileName;
  const token = this.globals.token ?? new Secret(this.createSecret());
  const text = printInitialConfig({
    port: defaultPort,
    token,
    nodeName: toNodeName(this.hostName),
    isTls: flags.tls === true,
  });
  try {
    await writeFileAtomic(expandPath(file, this), text, { mode: 0o600, overwrite: flags.force === true });
  } catch (error) {
    const { exists, existsTlsHint, cannotWrite, cannotWriteHint: hint } = this.texts.init;
    if (errorCodeOf(error) === "EEXIST") {
      throw new MeshError("FILE_EXISTS", exists(file), flags.tls === true ? { hint: existsTlsHint } : {});
    }
    throw toFileProblem(error, { message: (code) => cannotWrite(file, code), hint });
  }
  printResult(this, { file: expandPath(file, this) }, () => this.texts.init.written(file));
}

export async function showVersion(this: CliContext): Promise<void> {
  printResult(this, { version: this.version }, () => `claw-mesh ${this.version}`);
}
