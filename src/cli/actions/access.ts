import { configFileName } from "../../config/config-file.ts";
import { printInitialConfig, toNodeName } from "../../config/initial-config.ts";
import { defaultPort } from "../../config/schema.ts";
import { errorCodeOf, writeFileAtomic } from "../../platform/atomic-file.ts";
import { expandPath } from "../../platform/paths.ts";
import { MeshError } from "../../protocol/errors.ts";
import { contract } from "../../protocol/http/contract.ts";
import { Secret } from "../../protocol/secret.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { printResult } from "../print.ts";
import { toSafeLine } from "../render/safe-text.ts";

export interface InviteFlags {
  readonly ttl?: number;
}

/** What the coordinator accepts. */
const minTtlS = 10;
const maxTtlS = 30 * 24 * 3600;

export async function createInvite(this: CliContext, flags: InviteFlags): Promise<void> {
  if (flags.ttl !== undefined && (flags.ttl < minTtlS || flags.ttl > maxTtlS)) {
    throw new MeshError("USAGE", this.texts.invite.badTtl);
  }
  const { client, url } = await connect(this);
  const invite = await client.call(contract.createInvite, {
    body: flags.ttl === undefined ? {} : { ttl_s: Math.round(flags.ttl) },
  });
  const [first = url, ...others] = invite.urls;
  const { texts } = this;
  printResult(this, invite, () =>
    [
      texts.invite.intro(invite.expires_at),
      `  ${toSafeLine(texts.invite.line(first, invite.code))}`,
      ...(others.length === 0
        ? []
        : [texts.invite.others, ...others.map((other) => `  ${toSafeLine(other)}`)]),
    ].join("\n"),
  );
}

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
    const code = errorCodeOf(error);
    if (code === "EEXIST") throw new MeshError("FILE_EXISTS", this.texts.init.exists(file));
    if (code === null) throw error;
    throw new MeshError("DATA_DIR_UNUSABLE", this.texts.init.cannotWrite(file, code), {
      hint: this.texts.init.cannotWriteHint,
      cause: error,
    });
  }
  printResult(this, { file: expandPath(file, this) }, () => this.texts.init.written(file));
}

export async function showVersion(this: CliContext): Promise<void> {
  printResult(this, { version: this.version }, () => `claw-mesh ${this.version}`);
}
