import { access } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import { machineMemoryBytes } from "../platform/machine-load.ts";
import type { Capabilities } from "../protocol/capability.ts";
import { findGpus } from "./gpu/find-gpus.ts";
import { createSkillSearch } from "./skills/find-skills.ts";

export interface CapabilityDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** The platform's own names of this machine: `process.platform` and `process.arch`. */
  readonly platform: NodeJS.Platform;
  readonly arch: NodeJS.Architecture;
  /** Holds `skills.yaml`. */
  readonly dataDir: string;
  readonly log: Log;
  /** The node's own tags, as configured. */
  readonly tags: readonly string[];
  /** Where the file system begins; default `/`. Tests put another machine's files elsewhere. */
  readonly root?: string;
  /** Bytes; default: what this process may count on. */
  readonly memoryBytes?: number;
}

/**
 * What this machine has, by a look at its files; the only programs ever started are the tools of graphics drivers, for at
 * most 2 s each. Never rejects: what cannot be found out counts as absent. Called at the start and again while the agent
 * runs; skills that cannot be told are warned of once.
 */
export function createCapabilityProbe(deps: CapabilityDeps): () => Promise<Capabilities> {
  const searchSkills = createSkillSearch(deps);
  return async () => {
    const [hasDevice, { gpus, hasDriver }, skills] = await Promise.all([
      hasGpuDevice(deps),
      findGpus(deps),
      searchSkills(),
    ]);
    return {
      os: toGoOs(deps.platform),
      arch: toGoArch(deps.arch),
      // Windows, and Linux inside Windows, have no device file, but the driver's own tool.
      gpu: hasDevice || hasDriver,
      memory_gb: Math.floor((deps.memoryBytes ?? machineMemoryBytes()) / 2 ** 30),
      tags: [...deps.tags],
      gpus: [...gpus],
      ...skills,
    };
  };
}

/** The names that Go and the classic tool use: `darwin`, `linux`, `windows` … */
export function toGoOs(platform: NodeJS.Platform): string {
  return platform === "win32" ? "windows" : platform;
}

/** `amd64`, `arm64`, `386` … */
export function toGoArch(arch: NodeJS.Architecture): string {
  if (arch === "x64") return "amd64";
  return arch === "ia32" ? "386" : arch;
}

/** Device files that only a usable GPU has: NVIDIA, NVIDIA Tegra, AMD ROCm. */
const gpuDevices = ["dev/nvidia0", "dev/nvhost-gpu", "dev/kfd"];

async function hasGpuDevice(deps: CapabilityDeps): Promise<boolean> {
  if (deps.platform === "darwin") return deps.arch === "arm64";
  const root = deps.root ?? "/";
  const devices = await Promise.all(gpuDevices.map((device) => isThere(join(root, device))));
  return devices.includes(true);
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
