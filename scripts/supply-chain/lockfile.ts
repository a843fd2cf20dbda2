import { join } from "node:path";
import { z } from "zod";

/** What `bun.lock` says of a package. */
export interface LockedPackage {
  /** Where it is below node_modules: its name, or `outer/name` when another version is above it. */
  readonly key: string;
  readonly name: string;
  readonly version: string;
  /** "" for the registry; else another source, such as a tarball. */
  readonly source: string;
  /** null: none is recorded, as for git and local folders. */
  readonly integrity: string | null;
  /** Names it needs, optional ones too. */
  readonly dependencies: readonly string[];
  /** Only for some machines. */
  readonly isForPlatform: boolean;
}

export interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

export interface Lockfile {
  readonly packages: readonly LockedPackage[];
  /** What `package.json` asked for when the file was written. */
  readonly asked: Pick<Manifest, "dependencies" | "devDependencies">;
  /** Fields of the whole file. */
  readonly fields: readonly string[];
  /** Packages whose install scripts may run. */
  readonly trusted: readonly string[];
}

const Names = z.record(z.string(), z.string()).default({});
const Facts = z.looseObject({
  dependencies: Names,
  optionalDependencies: Names,
  os: z.unknown().optional(),
  cpu: z.unknown().optional(),
});
const Row = z.tuple([z.string(), z.string().default(""), Facts.default(Facts.parse({}))]).rest(z.unknown());
const File = z.looseObject({
  workspaces: z.record(z.string(), z.looseObject({ dependencies: Names, devDependencies: Names })),
  packages: z.record(z.string(), z.array(z.unknown())),
  trustedDependencies: z.array(z.string()).default([]),
});

const integrityPattern = /^sha512-[A-Za-z0-9+/]{86}==$/;

export function parseLockfile(text: string): Lockfile {
  const file = File.parse(Bun.JSONC.parse(text));
  const asked = file.workspaces[""] ?? { dependencies: {}, devDependencies: {} };
  return {
    asked: { dependencies: asked.dependencies, devDependencies: asked.devDependencies },
    fields: Object.keys(file),
    trusted: file.trustedDependencies,
    packages: Object.entries(file.packages).map(([key, row]) => toLocked(key, row)),
  };
}

function toLocked(key: string, row: readonly unknown[]): LockedPackage {
  const [spec, source, facts, integrity] = Row.parse(row.map((cell) => (cell === null ? undefined : cell)));
  const at = spec.lastIndexOf("@");
  return {
    key,
    name: spec.slice(0, at),
    version: spec.slice(at + 1),
    source,
    integrity: typeof integrity === "string" && integrityPattern.test(integrity) ? integrity : null,
    dependencies: [...Object.keys(facts.dependencies), ...Object.keys(facts.optionalDependencies)],
    isForPlatform: facts.os !== undefined || facts.cpu !== undefined,
  };
}

/** The packages that `names` need, with all that those need; found as Node.js finds them, from the inside out. */
export function findClosure(lockfile: Lockfile, names: readonly string[]): readonly LockedPackage[] {
  const byKey = new Map(lockfile.packages.map((locked) => [locked.key, locked]));
  const found = new Map<string, LockedPackage>();
  const visit = (name: string, from: string): void => {
    const locked = resolve(byKey, name, from);
    if (locked === undefined || found.has(locked.key)) return;
    found.set(locked.key, locked);
    for (const next of locked.dependencies) visit(next, locked.key);
  };
  for (const name of names) visit(name, "");
  return [...found.values()].sort((left, right) => (left.key < right.key ? -1 : 1));
}

/** What a package gets that asks for a name. */
export function resolve(
  byKey: ReadonlyMap<string, LockedPackage>,
  name: string,
  from: string,
): LockedPackage | undefined {
  for (let outer = from; outer !== ""; outer = outer.slice(0, Math.max(0, outer.lastIndexOf("/")))) {
    const inner = byKey.get(`${outer}/${name}`);
    if (inner !== undefined) return inner;
  }
  return byKey.get(name);
}

/** Where a package is installed. */
export function folderOf(root: string, { key, name }: LockedPackage): string {
  const outer = key === name ? "" : key.slice(0, -name.length - 1);
  return outer === ""
    ? join(root, "node_modules", name)
    : join(root, "node_modules", outer, "node_modules", name);
}

export async function loadLockfile(root: string): Promise<Lockfile> {
  return parseLockfile(await Bun.file(join(root, "bun.lock")).text());
}

export async function loadManifest(root: string): Promise<Manifest> {
  return (await Bun.file(join(root, "package.json")).json()) as Manifest;
}
