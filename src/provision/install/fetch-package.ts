import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { MeshError } from "../../protocol/errors.ts";
import { withFileFailures } from "./file-failure.ts";
import { type NpmDeps, runNpm, viewPackage } from "./npm-command.ts";
import type { PackagePin } from "./pins.ts";
import { isFile } from "./place-program.ts";

/** Neither a range such as `2026.9`, nor a tag. */
const exactVersion = /^\d+\.\d+\.\d+(?:[-+].*)?$/;

/** A package that is to be fetched before npm installs it from the file. */
export interface PackageOrder {
  readonly name: string;
  /** A version, or a tag of npm such as `latest`. */
  readonly version: string;
  /** Counts when the registry resolves the version to that of the pin. */
  readonly pin: PackagePin;
  readonly file: string;
}

/** A package in a file of this user, and what was found in it. */
export interface FetchedPackage {
  readonly version: string;
  /** Computed here from the bytes of the file, as npm writes it: `sha512-…`. */
  readonly integrity: string;
}

/** Arguments for npm. A `.npmrc` that says otherwise must not make npm do nothing. */
export function packArgs(spec: string, folder: string): readonly string[] {
  return ["pack", spec, "--ignore-scripts", "--no-dry-run", "--pack-destination", folder];
}

/** Where npm puts the package before its bytes were looked at. */
export function packFolder(file: string): string {
  return join(dirname(file), "npm-pack");
}

/**
 * Fetches the package and hashes it here: a registry can answer npm's next question differently, so that what it says of a
 * package proves nothing about what npm then installs. Hold the lock of the installations.
 * @throws MeshError of `toNpmError`, CHECKSUM_MISMATCH; the reason of the signal
 */
export async function fetchPackage(
  { name, version, pin, file }: PackageOrder,
  byHand: string,
  deps: NpmDeps,
): Promise<FetchedPackage> {
  if (version === pin.version && (await isFile(file)) && (await hashPackage(file, deps)) === pin.integrity)
    return { version, integrity: pin.integrity };
  const published = await viewPackage(`${name}@${version}`, byHand, deps);
  if (exactVersion.test(version) && published.version !== version) {
    throw new MeshError(
      "RUNTIME_INSTALL_FAILED",
      `the registry has ${name} ${published.version} where ${version} was wanted; nothing was installed`,
      { hint: "Check npm's registry: npm config get registry" },
    );
  }
  const spec = `${name}@${published.version}`;
  const isPinned = published.version === pin.version;
  if (isPinned) requireIntegrity(spec, [pin.integrity], published.integrity);
  const packed = await pack({ spec, folder: packFolder(file), byHand }, deps);
  const integrity = await hashPackage(packed, deps);
  const wanted = isPinned ? [pin.integrity] : sha512Of(published.integrity);
  if (wanted.length > 0) requireIntegrity(spec, wanted, integrity);
  await withFileFailures(file, async () => {
    await rename(packed, file);
    await rm(packFolder(file), { recursive: true, force: true });
  });
  return { version: published.version, integrity };
}

interface Packing {
  readonly spec: string;
  readonly folder: string;
  readonly byHand: string;
}

async function pack({ spec, folder, byHand }: Packing, deps: NpmDeps): Promise<string> {
  await withFileFailures(folder, async () => {
    // What an earlier run left there may be anything.
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
  });
  // Its JSON would list the ten thousand files of the package.
  await runNpm(
    { args: packArgs(spec, folder), task: `pack ${spec}`, byHand, prefix: folder, isJson: false },
    deps,
  );
  const files = (await readdir(folder)).filter((name) => name.endsWith(".tgz"));
  const [packed] = files;
  if (packed !== undefined && files.length === 1) return join(folder, packed);
  throw new MeshError("RUNTIME_INSTALL_FAILED", `npm said that it packed ${spec}, and ${folder} lacks it`, {
    hint: `See ${deps.logFile}. By hand: ${byHand}`,
  });
}

async function hashPackage(path: string, { signal }: NpmDeps): Promise<string> {
  const hash = createHash("sha512");
  await withFileFailures(path, async () => {
    for await (const piece of createReadStream(path, { signal })) hash.update(piece);
  });
  return `sha512-${hash.digest("base64")}`;
}

/** A field of the registry may hold several hashes. */
function sha512Of(integrity: string): readonly string[] {
  return integrity.split(/\s+/).filter((hash) => hash.startsWith("sha512-"));
}

function requireIntegrity(spec: string, known: readonly string[], found: string): void {
  if (known.includes(found)) return;
  throw new MeshError(
    "CHECKSUM_MISMATCH",
    `the registry has another ${spec} than the one that is known here; nothing was installed`,
    {
      hint: "Check npm's registry (npm config get registry), or install another version with --runtime-version.",
      details: { known, found },
    },
  );
}
