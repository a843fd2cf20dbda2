import { join } from "node:path";
import { z } from "zod";

/** Where npm is told exactly which Bun to get: `scripts/get-bun.sh` installs from this lock file and from nothing else. */
export const toolchainFolder = "scripts/toolchain";

const Lock = z.looseObject({
  lockfileVersion: z.literal(3),
  packages: z.record(
    z.string(),
    z.looseObject({
      version: z.string().optional(),
      integrity: z.string().optional(),
      resolved: z.string().optional(),
      dependencies: z.record(z.string(), z.string()).optional(),
    }),
  ),
});
export type ToolchainLock = z.infer<typeof Lock>;

export interface BunRelease {
  readonly version: string;
  /** Of the npm package `bun`. */
  readonly integrity: string;
}

export async function loadToolchainLock(root: string): Promise<ToolchainLock> {
  return Lock.parse(await Bun.file(join(root, toolchainFolder, "package-lock.json")).json());
}

export async function loadBunRelease(root: string): Promise<BunRelease> {
  const bun = (await loadToolchainLock(root)).packages["node_modules/bun"];
  if (bun?.version === undefined || bun.integrity === undefined)
    throw new Error(`${toolchainFolder}/package-lock.json has no bun`);
  return { version: bun.version, integrity: bun.integrity };
}
