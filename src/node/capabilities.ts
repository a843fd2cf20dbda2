import { access } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../platform/clock.ts";
import { machineMemoryBytes } from "../platform/machine-load.ts";
import { findOnPath } from "../platform/path-lookup.ts";
import { readCommandOutput } from "../platform/quick-command.ts";
import type { Capabilities } from "../protocol/capability.ts";
import { skillTable } from "./skill-table.ts";

export interface CapabilityDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** The platform's own names of this machine: `process.platform` and `process.arch`. */
  readonly platform: NodeJS.Platform;
  readonly arch: NodeJS.Architecture;
  /** The node's own tags, as configured. */
  readonly tags: readonly string[];
  /** Where the file system begins; default `/`. Tests put another machine's files elsewhere. */
  readonly root?: string;
  /** Bytes; default: what this process may count on. */
  readonly memoryBytes?: number;
}

/**
 * What this machine has, by a look at its files; the only program ever started is `nvidia-smi`, for at most 2 s.
 * Never rejects: what cannot be found out counts as absent. Called at the start and again while the agent runs.
 */
export async function probeCapabilities(deps: CapabilityDeps): Promise<Capabilities> {
  const [gpu, skills] = await Promise.all([hasGpu(deps), findSkills(deps)]);
  return {
    os: toGoOs(deps.platform),
    arch: toGoArch(deps.arch),
    gpu,
    memory_gb: Math.floor((deps.memoryBytes ?? machineMemoryBytes()) / 2 ** 30),
    tags: [...deps.tags],
    skills: [...skills],
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

/** Longest time for asking a driver tool, which hangs when the driver does. */
const driverLimitMs = 2_000;

/** Device files that only a usable GPU has: NVIDIA, NVIDIA Tegra, AMD ROCm. */
const gpuDevices = ["dev/nvidia0", "dev/nvhost-gpu", "dev/kfd"];

async function hasGpu(deps: CapabilityDeps): Promise<boolean> {
  if (deps.platform === "darwin") return deps.arch === "arm64";
  const root = deps.root ?? "/";
  const devices = await Promise.all(gpuDevices.map((device) => isThere(join(root, device))));
  if (devices.includes(true)) return true;
  // Windows, and Linux inside Windows, have no such file, but the driver's own tool.
  const tool = (await findOnPath(["nvidia-smi"], deps)).get("nvidia-smi");
  if (tool === undefined) return false;
  const output = await readCommandOutput([tool, "-L"], {
    limitMs: driverLimitMs,
    env: deps.env,
    clock: deps.clock,
  });
  return output?.startsWith("GPU ") ?? false;
}

async function findSkills(deps: CapabilityDeps): Promise<readonly string[]> {
  const programs = await findOnPath(
    skillTable.flatMap(({ anyOf }) => anyOf),
    deps,
  );
  const usable = new Set<string>();
  await Promise.all(
    [...programs].map(async ([name, path]) => {
      if (deps.platform !== "darwin" || !(await isEmptyStub(name, path, deps.root ?? "/"))) usable.add(name);
    }),
  );
  return skillTable.filter(({ anyOf }) => anyOf.some((name) => usable.has(name))).map(({ skill }) => skill);
}

/** Where macOS keeps what its stubs in /usr/bin start; `{name}` is the program. */
const developerPrograms = [
  "var/db/xcode_select_link/usr/bin/{name}",
  "Applications/Xcode.app/Contents/Developer/usr/bin/{name}",
  "Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/bin/{name}",
  "Library/Developer/CommandLineTools/usr/bin/{name}",
];

const developerStubs = new Set(["clang++", "g++", "git", "make", "python3", "swift", "xcodebuild"]);
const javaStubs = new Set(["java", "javac"]);

/** macOS has stubs in /usr/bin that only offer to install the program they are named after. */
async function isEmptyStub(name: string, path: string, root: string): Promise<boolean> {
  if (path !== join(root, "usr/bin", name)) return false;
  if (javaStubs.has(name)) return !(await isThere(join(root, "Library/Java/JavaVirtualMachines")));
  if (!developerStubs.has(name)) return false;
  const programs = developerPrograms.map((pattern) => join(root, pattern.replace("{name}", name)));
  return !(await Promise.all(programs.map(isThere))).includes(true);
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
