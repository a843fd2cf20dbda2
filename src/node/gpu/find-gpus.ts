import type { Clock } from "../../platform/clock.ts";
import { findOnPath } from "../../platform/path-lookup.ts";
import { readCommandOutput } from "../../platform/quick-command.ts";
import type { Gpu } from "../../protocol/capability.ts";
import { displayQuery, parseSystemProfiler } from "./apple.ts";
import { maxGpus, readLinuxCards } from "./linux-cards.ts";
import { nvidiaQuery, parseNvidiaSmi } from "./nvidia.ts";
import { parseRocmSmi, rocmQuery } from "./rocm.ts";

/** Longest time for asking a driver tool, which hangs when the driver does. */
const driverLimitMs = 2_000;

export interface GpuDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly platform: NodeJS.Platform;
  /** Where the file system begins; default `/`. */
  readonly root?: string;
}

export interface FoundGpus {
  readonly gpus: readonly Gpu[];
  /** NVIDIA's driver answers for one: it can be computed with, also where the system has no device file of it. */
  readonly hasDriver: boolean;
}

/**
 * The graphics processors of this machine: what the kernel tells, and what the driver's own tool adds where there is one.
 * Takes {@link driverLimitMs} at most for each tool, and never rejects: what cannot be found out is not told.
 */
export async function findGpus(deps: GpuDeps): Promise<FoundGpus> {
  if (deps.platform === "darwin") {
    return { gpus: await ask("system_profiler", displayQuery, parseSystemProfiler, deps), hasDriver: false };
  }
  const [cards, nvidia] = await Promise.all([
    deps.platform === "linux" ? readLinuxCards(deps.root ?? "/") : [],
    ask("nvidia-smi", nvidiaQuery, parseNvidiaSmi, deps),
  ]);
  const ofVendor = (vendor: Gpu["vendor"]) => cards.filter((card) => card.vendor === vendor);
  const amd = ofVendor("amd");
  const needsNames = amd.some(({ model, memory_mb }) => model === null || memory_mb === null);
  const rocm = needsNames ? await ask("rocm-smi", rocmQuery, parseRocmSmi, deps) : [];
  const gpus = [
    ...(nvidia.length > 0 ? nvidia : ofVendor("nvidia")),
    ...(rocm.length >= amd.length ? rocm : amd),
    ...ofVendor("intel"),
  ].slice(0, maxGpus);
  return { gpus, hasDriver: nvidia.length > 0 };
}

type Parse = (output: string) => readonly Gpu[];

async function ask(
  name: string,
  query: readonly string[],
  parse: Parse,
  deps: GpuDeps,
): Promise<readonly Gpu[]> {
  const tool = (await findOnPath([name], deps)).get(name);
  if (tool === undefined) return [];
  const { env, clock } = deps;
  const output = await readCommandOutput([tool, ...query], { limitMs: driverLimitMs, env, clock });
  return output === null ? [] : parse(output).slice(0, maxGpus);
}
