import { realpath } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { findMissingKeys, insertKeys, withKeys } from "../../domain/seed/fill-config.ts";
import { hasKeyAnywhere, type JsonObject, toShareableConfig } from "../../domain/seed/shareable-config.ts";
import { readBoundedText } from "../../platform/bounded-file.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Environment } from "../../platform/environment.ts";
import { parseJson5Text } from "../../platform/json5-text.ts";
import { maxConfigBytes } from "../../platform/openclaw-paths.ts";
import { findOnPath } from "../../platform/path-lookup.ts";
import { readCommandOutput } from "../../platform/quick-command.ts";
import { replaceFile } from "./replace-file.ts";

/** Longest time for OpenClaw to say whether it takes a configuration; it takes some seconds on a small machine. */
const validateLimitMs = 60_000;

interface ConfigDeps {
  readonly env: Environment;
  readonly home: string;
  readonly clock: Clock;
}

/** What became of it: keys that were added, such as `ui.prefs.theme`, or why nothing was. */
export type TakenConfig =
  | {
      readonly added: readonly string[];
      /** Where a link leads. */
      readonly file: string;
      /** null: nothing was changed. */
      readonly backup: string | null;
    }
  | { readonly refused: string };

/**
 * Fills keys that this machine's OpenClaw configuration lacks in from a coordinator's. What is there stays, byte for byte;
 * a backup is kept. OpenClaw itself checks the result before it takes the place of the old one.
 * @throws the file system's error
 */
export async function takeConfig(configPath: string, given: unknown, deps: ConfigDeps): Promise<TakenConfig> {
  const path = await realpath(configPath).catch(() => null);
  if (path === null) return { refused: "OpenClaw has no configuration here that could be filled in" };
  const read = await readBoundedText(path, { maxBytes: maxConfigBytes, followsLinks: false });
  const own = "text" in read ? parseJson5Text(read.text) : undefined;
  if ("problem" in read || !isObject(own)) return { refused: `${configPath} cannot be read` };
  // What another file says is not seen here, and would lose to what is filled in.
  if (hasKeyAnywhere(own, "$include")) return { refused: `${configPath} takes in other files ($include)` };
  const missing = findMissingKeys(own, toShareableConfig(given));
  if (missing.length === 0) return { added: [], file: path, backup: null };
  const text = insertKeys(read.text, missing);
  if (text === null || !Bun.deepEquals(parseJson5Text(text), withKeys(own, missing))) {
    return { refused: `${configPath} cannot be changed without losing something of it` };
  }
  const replaced = await replaceFile(path, {
    before: read.text,
    after: text,
    mode: 0o600,
    maxBytes: maxConfigBytes,
    nowMs: deps.clock.nowMs(),
    findProblem: (draft) => findProblem(draft, deps),
  });
  if ("refused" in replaced) return replaced;
  if ("isChanged" in replaced) return { refused: `${configPath} has just been changed` };
  const added = missing.map(({ path: parents, key }) => [...parents, key].join("."));
  return { added, file: path, backup: replaced.backup };
}

/** Why OpenClaw does not take it; null: it does. */
async function findProblem(draft: string, { env, home, clock }: ConfigDeps): Promise<string | null> {
  const PATH = [env.PATH ?? "", join(home, ".local", "bin")].join(delimiter);
  const program = (await findOnPath(["openclaw"], { env: { ...env, PATH }, clock })).get("openclaw");
  if (program === undefined) return "the program openclaw, which has to check the result, is not on PATH";
  const output = await readCommandOutput([program, "config", "validate"], {
    limitMs: validateLimitMs,
    env: { ...env, PATH, OPENCLAW_CONFIG_PATH: draft },
    clock,
  });
  return output === null ? "OpenClaw would not take the result (openclaw config validate)" : null;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
