import { delimiter } from "node:path";
import type { Clock } from "../../platform/clock.ts";
import type { Environment } from "../../platform/environment.ts";
import { readCommandOutput } from "../../platform/quick-command.ts";
import { matchVersion } from "../program-version.ts";

/** A program of a hundred megabytes that is read from a slow card for the first time. */
const firstStartLimitMs = 30_000;

/** Names that people give to keys. */
const keyName =
  /(?:_|^)(?:API_?KEY|SECRET|TOKEN|PASSWORD|PASSWD|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)(?:_|$)/i;

/** npm's own, which its configuration names to log in to a registry. */
const npmName = /^(?:npm_|NODE_AUTH_TOKEN$)/i;

/**
 * The environment with its proxy, certificates and settings of npm; without what looks like a key by its name, with which what is
 * only being installed has no business. The Node.js of `nodeDir` comes first.
 */
export function installEnvironment(
  env: Environment,
  nodeDir: string | null,
): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    const isKept = npmName.test(name) || !(/^CLAW_MESH_/i.test(name) || keyName.test(name));
    if (value === undefined || !isKept) continue;
    kept[name] = value;
  }
  return nodeDir === null ? kept : { ...kept, PATH: pathWithFirst(nodeDir, env) };
}

export function pathWithFirst(folder: string, { PATH }: Environment): string {
  return PATH === undefined || PATH === "" ? folder : `${folder}${delimiter}${PATH}`;
}

/** What a program that was just installed says to `--version`; null: it does not run here. */
export async function readFirstVersion(
  program: string,
  { env, clock }: { readonly env: Environment; readonly clock: Clock },
): Promise<string | null> {
  const options = { limitMs: firstStartLimitMs, env: installEnvironment(env, null), clock };
  const output = await readCommandOutput([program, "--version"], options);
  return output === null ? null : matchVersion(output);
}
