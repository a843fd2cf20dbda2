import { join } from "node:path";
import { type LicencedPackage, loadBunNotice, loadLicence, renderLicences } from "./licences.ts";
import { findClosure, type Lockfile, loadLockfile, loadManifest, type Manifest } from "./lockfile.ts";
import { createSbom, type Sbom } from "./sbom.ts";
import { type BunRelease, loadBunRelease } from "./toolchain.ts";

/** All that the project takes from others. */
export interface Project {
  readonly manifest: Manifest;
  readonly lockfile: Lockfile;
  /** In the executable. */
  readonly shipped: readonly LicencedPackage[];
  /** Only for building and testing. */
  readonly development: readonly LicencedPackage[];
  readonly bun: BunRelease & { readonly notice: string };
}

/** Throws for a package of the executable that is not installed. Tools for other kinds of machines never are. */
export async function loadProject(root: string): Promise<Project> {
  const [manifest, lockfile] = await Promise.all([loadManifest(root), loadLockfile(root)]);
  const shippedKeys = new Set(
    findClosure(lockfile, Object.keys(manifest.dependencies)).map((locked) => locked.key),
  );
  const loaded = await Promise.all(
    lockfile.packages.map(async (locked) => {
      const licenced = await loadLicence(root, locked);
      if (licenced === null && shippedKeys.has(locked.key))
        throw new Error(`${locked.key} is not installed; run make build`);
      return licenced;
    }),
  );
  const installed = loaded.filter((item) => item !== null);
  return {
    manifest,
    lockfile,
    shipped: installed.filter(({ locked }) => shippedKeys.has(locked.key)),
    development: installed.filter(({ locked }) => !shippedKeys.has(locked.key)),
    bun: { ...(await loadBunRelease(root)), notice: await loadBunNotice(root) },
  };
}

export const licencesFile = (root: string): string => join(root, "THIRD_PARTY_LICENSES");

export const toLicences = ({ shipped, bun }: Project): string => renderLicences(shipped, bun);

export const toSbom = (project: Project): Sbom => createSbom(project);
