import { realpath } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { z } from "zod";
import { errorCodeOf, readTextIfExists } from "../../platform/atomic-file.ts";
import { findOnPath } from "../../platform/path-lookup.ts";
import { readCommandOutput } from "../../platform/quick-command.ts";
import { parseJsonText } from "../../protocol/json-text.ts";
import type { ProvisionDeps } from "../provision-deps.ts";
import { installEnvironment } from "./install-environment.ts";
import { userPrefix } from "./install-places.ts";
import { loadInstallRecord } from "./install-record.ts";

/** OpenClaw as npm installed it. */
export interface OpenclawPackage {
  readonly folder: string;
  readonly version: string;
  /** The file that Node.js runs. */
  readonly script: string;
}

const npmPrefixLimitMs = 10_000;

/** Folders between a program on PATH and its package. */
const maxStepsUp = 6;

const PackageFile = z.object({
  name: z.literal("openclaw"),
  version: z.string().min(1).max(128),
  bin: z.union([z.string().min(1).max(512), z.record(z.string(), z.string().min(1).max(512))]),
});

/** In the order in which they count: what was installed from here, PATH, npm's global folder, the user's own programs. */
export async function findOpenclawPackage(deps: ProvisionDeps): Promise<OpenclawPackage | null> {
  const record = await loadInstallRecord(deps.dataDir, "openclaw");
  const recorded = record === null ? null : await readOpenclawPackage(record.place);
  if (recorded !== null) return recorded;
  const found = await findOnPath(["openclaw", "npm"], deps);
  const onPath = await findPackageOf(found.get("openclaw"));
  if (onPath !== null) return onPath;
  const npm = found.get("npm");
  const prefix = npm === undefined ? null : await readNpmPrefix(npm, deps);
  for (const place of [prefix, userPrefix(deps.home)]) {
    const there = place === null ? null : await readOpenclawPackage(openclawFolder(place));
    if (there !== null) return there;
  }
  return null;
}

/** npm's folder for global packages; null: it does not tell. */
export async function readNpmPrefix(
  npm: string,
  { env, clock }: Pick<ProvisionDeps, "env" | "clock">,
): Promise<string | null> {
  const options = { limitMs: npmPrefixLimitMs, env: installEnvironment(env, null), clock };
  const output = await readCommandOutput([npm, "prefix", "-g"], options);
  // Wrappers of npm write lines of their own first.
  const prefix = output?.trim().split("\n").at(-1)?.trim() ?? "";
  return isAbsolute(prefix) ? prefix : null;
}

export function openclawFolder(prefix: string): string {
  return join(prefix, "lib", "node_modules", "openclaw");
}

/** null: the folder has no OpenClaw, or half of one. */
export async function readOpenclawPackage(folder: string): Promise<OpenclawPackage | null> {
  const text = await readOrNull(join(folder, "package.json"));
  if (text === null) return null;
  const file = PackageFile.safeParse(parseOrNull(text));
  if (!file.success) return null;
  const { version, bin } = file.data;
  const script = typeof bin === "string" ? bin : bin.openclaw;
  if (script === undefined) return null;
  const path = join(folder, script);
  return (await Bun.file(path).exists()) ? { folder, version, script: path } : null;
}

/** What is no file, or is not for this user to read, has no OpenClaw that could be started. */
async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readTextIfExists(path);
  } catch (error) {
    if (errorCodeOf(error) === null) throw error;
    return null;
  }
}

function parseOrNull(text: string): unknown {
  try {
    return parseJsonText(text);
  } catch (error) {
    // Half written: npm was ended in the middle.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** npm puts a link into a folder of PATH. */
async function findPackageOf(program: string | undefined): Promise<OpenclawPackage | null> {
  if (program === undefined) return null;
  let folder: string;
  try {
    folder = dirname(await realpath(program));
  } catch (error) {
    if (errorCodeOf(error) === null) throw error;
    return null;
  }
  for (let steps = 0; steps < maxStepsUp && folder !== dirname(folder); steps += 1) {
    const found = await readOpenclawPackage(folder);
    if (found !== null) return found;
    folder = dirname(folder);
  }
  return null;
}
