import { statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Children } from "../platform/child-processes.ts";
import { type Clock, delay } from "../platform/clock.ts";
import { readCommandOutput } from "../platform/quick-command.ts";

/**
 * A directory of limited size that can be made full: a file system in memory, in a mount namespace of its own, which
 * is gone with the last process in it. Only processes started by way of `enter` see it at its path.
 */
export interface LimitedDisk {
  /** Comes before the command of a process that shall use it. */
  readonly enter: readonly string[];
  /** Where processes outside find the directory. */
  readonly outsidePath: string;
  /** Leaves no room. false: that did not work this time. */
  readonly fill: () => Promise<boolean>;
  readonly free: () => Promise<boolean>;
}

interface LimitedDiskOptions {
  readonly children: Children;
  readonly clock: Clock;
  /** Exists, and is empty. */
  readonly path: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly maxBytes: number;
}

const stepLimitMs = 3000;
const fillTries = 10;
const fillPauseMs = 20;

/** null where this user may make no such directory, or the system has no namespaces. */
export async function createLimitedDisk(options: LimitedDiskOptions): Promise<LimitedDisk | null> {
  const { children, clock, path, cwd, env, logFile } = options;
  const sizeKb = Math.ceil(options.maxBytes / 1024);
  // It ends when this process ends, as its standard input does then.
  const script = `mount -t tmpfs -o size=${sizeKb}k,mode=0700 tmpfs "$1" && echo ready && exec cat >/dev/null`;
  if (Bun.which("unshare", { PATH: env.PATH ?? "" }) === null) return null;
  const keeper = children.start({
    command: ["unshare", "-Urm", "sh", "-c", script, "sh", path],
    cwd,
    env,
    logFile,
    stdout: "line",
    stdin: "pipe",
  });
  if (!(await keeper.firstOutput).startsWith("ready")) return null;
  const enter = ["nsenter", "-t", String(keeper.pid), "-U", "-m", "--preserve-credentials", `--wd=${cwd}`];
  const outsidePath = join(`/proc/${keeper.pid}/root`, path);

  const resize = async (kilobytes: number): Promise<boolean> => {
    const command = [...enter, "mount", "-o", `remount,size=${kilobytes}k`, path];
    return (await readCommandOutput(command, { limitMs: stepLimitMs, env, clock })) !== null;
  };
  const fill = async (): Promise<boolean> => {
    for (let tries = 0; tries < fillTries; tries += 1) {
      const { bsize, blocks, bfree } = await statfs(outsidePath);
      // Not 0, which would mean: without limit.
      if (await resize(Math.max(4, Math.ceil(((blocks - bfree) * bsize) / 1024)))) return true;
      // More was written between the look and the command.
      await delay(clock, fillPauseMs);
    }
    return false;
  };
  // Proves that it can be filled at all, before anything depends on it.
  if (!(await resize(sizeKb))) return null;
  return { enter, outsidePath, fill, free: () => resize(sizeKb) };
}
