import { configFileName } from "../../config/config-file.ts";
import { printInitialConfig, toNodeName } from "../../config/initial-config.ts";
import { defaultPort } from "../../config/schema.ts";
import { errorCodeOf, writeFileAtomic } from "../../platform/atomic-file.ts";
import { defaultDataDir, expandPath, tokenPath } from "../../platform/paths.ts";
import { readPrivateText } from "../../platform/private-files.ts";
import { MeshError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";
import type { CliContext } from "../context.ts";
import { toFileProblem } from "../file-problem.ts";
import { printResult } from "../print.ts";

export interface InitFlags {
  readonly force?: boolean;
  readonly tls?: boolean;
}

/** As the coordinator makes them. */
const randomForm = /^[0-9a-f]{32,}$/;

/** The one that the mesh on this machine has: a file of the current directory may not give it another. */
async function findUsedToken({ globals, env, home }: CliContext): Promise<Secret | null> {
  if (globals.config !== null) return null;
  const stored = (await readPrivateText(tokenPath(defaultDataDir(env, home))))?.trim() ?? "";
  return randomForm.test(stored) ? new Secret(stored) : null;
}

export async function writeConfig(this: CliContext, flags: InitFlags): Promise<void> {
  const file = this.globals.config ?? configFileName;
  const token = this.globals.token ?? (await findUsedToken(this)) ?? new Secret(this.createSecret());
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
