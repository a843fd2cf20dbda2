import type { Catalogue } from "../locale/index.ts";
import { MeshError } from "../protocol/errors.ts";
import { type Secret, toSecret } from "../protocol/secret.ts";

/** Flags that every command takes, before or behind its name. */
export interface GlobalFlags {
  readonly config: string | null;
  readonly coordinator: string | null;
  readonly token: Secret | null;
  /** File that holds the token: unlike a flag, a file is not shown to other users. */
  readonly tokenFile: string | null;
  /** File of authorities that a coordinator's certificate may come from. */
  readonly ca: string | null;
  readonly json: boolean;
  readonly noColor: boolean;
}

const valueFlags = ["config", "coordinator", "token", "token-file", "ca"] as const;

/**
 * Takes the global flags out of the arguments. What stands behind `--` is left alone.
 * @throws MeshError USAGE when a value is missing
 */
export function takeGlobalFlags(
  args: readonly string[],
  texts: Catalogue,
): {
  readonly globals: GlobalFlags;
  readonly rest: readonly string[];
} {
  const values: Record<(typeof valueFlags)[number], string | null> = {
    config: null,
    coordinator: null,
    token: null,
    "token-file": null,
    ca: null,
  };
  let json = false;
  let noColor = false;
  const rest: string[] = [];
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? "";
    if (arg === "--") {
      rest.push(...args.slice(at));
      break;
    }
    const name = valueFlags.find((flag) => arg === `--${flag}` || arg.startsWith(`--${flag}=`));
    if (arg === "--json") json = true;
    else if (arg === "--no-color" || arg === "--no-colour") noColor = true;
    else if (name === undefined) rest.push(arg);
    else if (arg.includes("=")) values[name] = arg.slice(name.length + 3);
    else {
      const value = args[at + 1];
      if (value === undefined || value.startsWith("--"))
        throw new MeshError("USAGE", texts.errors.missingValue(name));
      values[name] = value;
      at += 1;
    }
    if (name !== undefined && values[name] === "")
      throw new MeshError("USAGE", texts.errors.missingValue(name));
  }
  const { config, coordinator, token, "token-file": tokenFile, ca } = values;
  if (token !== null && tokenFile !== null) throw new MeshError("USAGE", texts.errors.twoTokens);
  return { globals: { config, coordinator, token: toSecret(token), tokenFile, ca, json, noColor }, rest };
}
