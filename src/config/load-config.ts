import { dirname, join, resolve } from "node:path";
import type { z } from "zod";
import type { Environment } from "../platform/environment.ts";
import { defaultDataDir, expandPath } from "../platform/paths.ts";
import { MeshError } from "../protocol/errors.ts";
import { type FoundFile, findFile, readNamedFile, type SkippedFile } from "./config-file.ts";
import { nearestName } from "./nearest-name.ts";
import { Config, type ConfigLeaf, keysAt, listConfigLeaves } from "./schema.ts";
import type { YamlFile } from "./yaml-file.ts";

/** Where a value came from. */
export type Origin =
  | { readonly kind: "flag"; readonly flag: string }
  | { readonly kind: "environment"; readonly variable: string }
  | { readonly kind: "file"; readonly path: string; readonly line: number; readonly column: number }
  | { readonly kind: "default" };

/** A value given on the command line. */
export interface ConfigFlag {
  /** `coordinator.port` */
  readonly path: string;
  /** `--port`, for messages. */
  readonly flag: string;
  readonly value: unknown;
}

export interface LoadOptions {
  readonly flags: readonly ConfigFlag[];
  readonly env: Environment;
  readonly cwd: string;
  readonly home: string;
  /** `--config`; null: the usual places. */
  readonly configPath: string | null;
  /** Default `/etc/claw-mesh`. */
  readonly systemDir?: string;
}

/** The configuration of one run; it does not change any more. */
export interface LoadedConfig {
  readonly value: Config;
  /** Absolute; flag, variable or file, else the default place. */
  readonly dataDir: string;
  readonly originOf: (path: string) => Origin;
  /** The file that was read, or null. */
  readonly file: string | null;
  /**
   * The file was not named but found in the current directory, which may be a repository of somebody else: it takes nothing
   * away from the mesh that this user has.
   */
  readonly isFileOfFolder: boolean;
  /** How somebody else could have written the file that was named with `--config`, in words; else null. */
  readonly foreignHand: string | null;
  /** Files in the usual places that are no configuration, or that somebody else could have written. */
  readonly skipped: readonly SkippedFile[];
}

/** CLAW_MESH_TOKEN stands for the token wherever one is needed. */
const tokenVariable = "CLAW_MESH_TOKEN";
const systemConfigDir = join("/", "etc", "claw-mesh");
/** Problems named in one error. */
const maxProblems = 10;

/**
 * Flags before environment before file before default.
 * @throws MeshError CONFIG_INVALID: every problem with its place and the nearest valid name
 */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const { file, skipped } = await readFile(options);
  const yaml = file === null ? null : await parseFile(file);
  const data = yaml === null ? {} : withoutNulls(yaml.data);
  if (!isRecord(data))
    throw invalid([`${file?.path}:1:1: must be a map of settings, such as "coordinator:"`]);

  const origins = new Map<string, Origin>();
  for (const leaf of [...environmentValues(options.env), ...flagValues(options.flags)]) {
    setAt(data, leaf.path, leaf.value);
    origins.set(leaf.path, leaf.origin);
  }
  const parsed = Config.safeParse(data, { reportInput: true });
  if (!parsed.success) {
    const describe = (issue: z.core.$ZodIssue) => describeIssue(issue, { origins, file, yaml });
    throw invalid(parsed.error.issues.flatMap(describe));
  }
  const dataDir = parsed.data.coordinator.data_dir;
  return {
    value: deepFreeze(parsed.data),
    dataDir: dataDir === null ? defaultDataDir(options.env, options.home) : expandPath(dataDir, options),
    originOf: (path) => origins.get(path) ?? fileOrigin(path, data, file, yaml) ?? { kind: "default" },
    file: file?.path ?? null,
    isFileOfFolder: file !== null && isOfFolder(file.path, options),
    foreignHand: file?.foreignHand ?? null,
    skipped,
  };
}

async function readFile(
  options: LoadOptions,
): Promise<{ readonly file: FoundFile | null; readonly skipped: readonly SkippedFile[] }> {
  if (options.configPath !== null) {
    return { file: await readNamedFile(expandPath(options.configPath, options)), skipped: [] };
  }
  return findFile([
    options.cwd,
    defaultDataDir(options.env, options.home),
    options.systemDir ?? systemConfigDir,
  ]);
}

function isOfFolder(path: string, { configPath, cwd, env, home, systemDir }: LoadOptions): boolean {
  if (configPath !== null) return false;
  const ownFolders = [defaultDataDir(env, home), systemDir ?? systemConfigDir];
  return dirname(path) === resolve(cwd) && !ownFolders.some((folder) => resolve(folder) === resolve(cwd));
}

/** The YAML reader is loaded only when there is something to read. */
async function parseFile(file: FoundFile): Promise<YamlFile> {
  const { parseYamlFile } = await import("./yaml-file.ts");
  return parseYamlFile(file.text, file.path);
}

interface SetValue {
  readonly path: string;
  readonly value: unknown;
  readonly origin: Origin;
}

function environmentValues(env: Environment): readonly SetValue[] {
  return listConfigLeaves().flatMap((leaf) => {
    const variables = leaf.path === "coordinator.token" ? [tokenVariable, leaf.variable] : [leaf.variable];
    const variable = variables.find((name) => env[name] !== undefined && env[name] !== "");
    if (variable === undefined) return [];
    const value = readVariable(leaf, env[variable] ?? "");
    return [{ path: leaf.path, value, origin: { kind: "environment", variable } as const }];
  });
}

function readVariable(leaf: ConfigLeaf, text: string): unknown {
  const word = text.trim();
  switch (leaf.kind) {
    case "number":
      return word === "" || Number.isNaN(Number(word)) ? text : Number(word);
    case "boolean":
      if (/^(?:true|1|yes|on)$/i.test(word)) return true;
      return /^(?:false|0|no|off)$/i.test(word) ? false : text;
    case "list":
      return word
        .split(",")
        .map((item) => item.trim())
        .filter((item) => item !== "");
    case "text":
      return text;
  }
}

function flagValues(flags: readonly ConfigFlag[]): readonly SetValue[] {
  return flags.map(({ path, flag, value }) => ({ path, value, origin: { kind: "flag", flag } }));
}

interface Sources {
  readonly origins: ReadonlyMap<string, Origin>;
  readonly file: FoundFile | null;
  readonly yaml: YamlFile | null;
}

function describeIssue(issue: z.core.$ZodIssue, sources: Sources): readonly string[] {
  if (issue.code === "unrecognized_keys") {
    const valid = keysAt(issue.path, issue.input);
    return issue.keys.map((key) => {
      const nearest = nearestName(key, valid);
      const help = nearest === null ? `known are ${valid.join(", ")}` : `did you mean "${nearest}"?`;
      const place = sources.yaml?.positionOfKey(issue.path, key);
      return `${placeText(sources.file, place)}unknown key "${[...issue.path, key].map(String).join(".")}"; ${help}`;
    });
  }
  const path = issue.path.map(String).join(".");
  const problem = `${path}: ${issue.message}${suggestionFor(issue)}`;
  const origin = originOfIssue(path, sources.origins);
  if (origin?.kind === "environment") return [`${origin.variable}: ${issue.message}${suggestionFor(issue)}`];
  if (origin?.kind === "flag") return [`${origin.flag}: ${issue.message}${suggestionFor(issue)}`];
  return [placeText(sources.file, sources.yaml?.positionOf(issue.path)) + problem];
}

/** A list given by a variable or flag has its issues at its items. */
function originOfIssue(path: string, origins: ReadonlyMap<string, Origin>): Origin | undefined {
  return origins.get(path) ?? origins.get(path.replace(/\.\d+$/, ""));
}

function suggestionFor(issue: z.core.$ZodIssue): string {
  if (issue.code !== "invalid_value" || typeof issue.input !== "string") return "";
  const nearest = nearestName(issue.input, issue.values.map(String));
  return nearest === null ? "" : `; did you mean "${nearest}"?`;
}

function placeText(
  file: FoundFile | null,
  position: { readonly line: number; readonly column: number } | undefined,
): string {
  return file === null || position === undefined ? "" : `${file.path}:${position.line}:${position.column}: `;
}

function invalid(problems: readonly string[]): MeshError {
  const shown = problems.slice(0, maxProblems);
  const rest = problems.length - shown.length;
  const lines = rest > 0 ? [...shown, `and ${rest} more`] : shown;
  return new MeshError("CONFIG_INVALID", lines.join("\n"), { details: { problems: shown } });
}

function fileOrigin(
  path: string,
  data: Record<string, unknown>,
  file: FoundFile | null,
  yaml: YamlFile | null,
): Origin | null {
  if (file === null || yaml === null) return null;
  const steps = path.split(".");
  let here: unknown = data;
  for (const step of steps) {
    if (!isRecord(here) || !Object.hasOwn(here, step)) return null;
    here = here[step];
  }
  return { kind: "file", path: file.path, ...yaml.positionOf(steps) };
}

function setAt(data: Record<string, unknown>, path: string, value: unknown): void {
  const steps = path.split(".");
  let here = data;
  for (const step of steps.slice(0, -1)) {
    const next = here[step];
    // Something else than a map in the file stays: the schema then says what is wrong with it.
    if (next !== undefined && !isRecord(next)) return;
    const section = next ?? {};
    here[step] = section;
    here = section;
  }
  here[steps.at(-1) ?? ""] = value;
}

/** `coordinator:` with nothing behind it means the same as leaving it out. */
function withoutNulls(value: unknown): unknown {
  if (value === null || value === undefined) return {};
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== null)
      .map(([key, field]) => [key, isRecord(field) ? withoutNulls(field) : field]),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const field of Object.values(value)) deepFreeze(field);
    Object.freeze(value);
  }
  return value;
}
