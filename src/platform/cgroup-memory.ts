import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { errorCodeOf } from "./atomic-file.ts";

/** Groups above that of this process. */
const maxLevels = 32;

/** A group without a limit says `max`, or a number near 2^63. */
const maxLimitBytes = 2 ** 60;

/** Names of the files of one version of control groups. */
interface Version {
  /** Where the groups are, below the root. */
  readonly mount: string;
  /** The line of /proc/self/cgroup that names the group of this process. */
  readonly line: RegExp;
  readonly limit: string;
  readonly usage: string;
  /** Of `memory.stat`: files in memory that nobody uses now, which are given back when memory is short. */
  readonly reclaimable: RegExp;
}

const versions: readonly Version[] = [
  {
    mount: "sys/fs/cgroup",
    line: /^0::(\/.*)$/m,
    limit: "memory.max",
    usage: "memory.current",
    reclaimable: /^inactive_file (\d+)$/m,
  },
  {
    mount: "sys/fs/cgroup/memory",
    line: /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(\/.*)$/m,
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    reclaimable: /^total_inactive_file (\d+)$/m,
  },
];

/**
 * Bytes that the control groups of this process leave it: the least of the limit of each, less what is in use there and cannot
 * be given back. null: none has a limit, or this is no Linux.
 * @param root - where the file system begins; default `/`
 */
export function readCgroupFreeBytes(root = "/"): number | null {
  const groups = readText(join(root, "proc/self/cgroup"));
  if (groups === null) return null;
  const free = versions.flatMap((version) => readLevels(version, groups, root));
  return free.length === 0 ? null : Math.max(0, Math.min(...free));
}

/** In a container the group's own path often is not there: the mount is the group then, which is the last that is looked at. */
function readLevels(version: Version, groups: string, root: string): readonly number[] {
  let group = version.line.exec(groups)?.[1];
  const free: number[] = [];
  for (let level = 0; group !== undefined && level < maxLevels; level++) {
    // A path with `..` leads out of what a container sees.
    const bytes = group.includes("..") ? null : readLevel(version, join(root, version.mount, group));
    if (bytes !== null) free.push(bytes);
    group = group === "/" ? undefined : dirname(group);
  }
  return free;
}

function readLevel(version: Version, folder: string): number | null {
  const limit = toBytes(readText(join(folder, version.limit)));
  const usage = toBytes(readText(join(folder, version.usage)));
  if (limit === null || usage === null || limit > maxLimitBytes) return null;
  const stat = readText(join(folder, "memory.stat")) ?? "";
  return limit - usage + Number(version.reclaimable.exec(stat)?.[1] ?? 0);
}

/** null for `max` and everything that is no number. */
function toBytes(text: string | null): number | null {
  const digits = text?.trim() ?? "";
  return /^\d{1,20}$/.test(digits) ? Number(digits) : null;
}

/** Files of the kernel, which are small and answer at once. */
function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errorCodeOf(error) === null) throw error;
    return null;
  }
}
