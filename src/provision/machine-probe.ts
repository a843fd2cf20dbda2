import { statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { MachineFacts } from "../domain/provision/machine-facts.ts";
import type { Clock } from "../platform/clock.ts";
import type { Environment } from "../platform/environment.ts";
import { readLibc } from "../platform/libc.ts";
import { machineArch, machinePlatform } from "../platform/machine.ts";
import { availableMemoryBytes, machineMemoryBytes } from "../platform/machine-load.ts";
import { findOnPath } from "../platform/path-lookup.ts";
import { homeDir } from "../platform/paths.ts";
import { readProgramVersion } from "./program-version.ts";

export interface MachineProbeDeps {
  /** PATH and HOME count. */
  readonly env: Environment;
  readonly clock: Clock;
  /** Where a runtime would be installed; default `~/.local`. It need not exist yet. */
  readonly installDir?: string;
}

/** Folders above the place of installation that are asked for their free disk. */
const maxAncestors = 64;

/** What the machine offers a runtime. Runs `npm --version` and `node --version`, nothing else, for 8 s each at most. */
export async function probeMachine(deps: MachineProbeDeps): Promise<MachineFacts> {
  const { env, clock } = deps;
  const found = await findOnPath(["npm", "node"], { env, clock });
  const probe = async (path: string | undefined) =>
    path === undefined ? null : { path, version: await readProgramVersion([path], { env, clock }) };
  const [npm, node, libc, freeDiskBytes] = await Promise.all([
    probe(found.get("npm")),
    probe(found.get("node")),
    readLibc(),
    readFreeDisk(deps.installDir ?? join(homeDir(env), ".local")),
  ]);
  return {
    platform: machinePlatform,
    arch: machineArch,
    libc,
    freeMemoryBytes: availableMemoryBytes(),
    totalMemoryBytes: machineMemoryBytes(),
    freeDiskBytes,
    npm,
    node,
  };
}

/** Bytes that this user may still write in the folder, or where it would be made; 0 when nothing tells. */
async function readFreeDisk(folder: string): Promise<number> {
  let current = folder;
  for (let step = 0; step < maxAncestors; step++) {
    const bytes = await freeBytesIn(current);
    if (bytes !== null) return bytes;
    const parent = dirname(current);
    if (parent === current) break;
    current = parent;
  }
  return 0;
}

async function freeBytesIn(folder: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    // Not there, or not for us to see: the folder above tells.
    return null;
  }
}
