import { existsSync, readFileSync } from "node:fs";

/** A process of the benchmark; disposal ends it by its id. */
export interface BenchProcess extends AsyncDisposable {
  readonly pid: number;
  /** The first output line that matches; rejects when the process ends before. */
  readonly line: (pattern: RegExp) => Promise<RegExpMatchArray>;
  readonly exited: Promise<number>;
  /** Microseconds of CPU of all its threads so far, or null where /proc is missing. */
  readonly cpuUs: () => number | null;
  /** Resident memory, MB. */
  readonly residentMb: () => number | null;
}

const ticksPerSecond = 100;

export function start(command: readonly string[], env: Readonly<Record<string, string>> = {}): BenchProcess {
  const child = Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", ...env },
  });
  const output: string[] = [];
  const watchers = new Set<() => void>();
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      output.push(decoder.decode(bytes, { stream: true }));
      for (const watch of watchers) watch();
    }
  };
  const drained = Promise.all([read(child.stdout), read(child.stderr)]);
  return {
    pid: child.pid,
    exited: child.exited,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = output.join("").match(pattern);
          if (found === null) return;
          watchers.delete(look);
          resolve(found);
        };
        watchers.add(look);
        look();
        void drained.then(() => {
          look();
          reject(new Error(`${command.join(" ")} ended without "${pattern.source}":\n${output.join("")}`));
        });
      }),
    cpuUs: () => {
      const path = `/proc/${child.pid}/stat`;
      if (!existsSync(path)) return null;
      const fields = readFileSync(path, "utf8").split(") ")[1]?.split(" ") ?? [];
      return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1e6;
    },
    residentMb: () => {
      const path = `/proc/${child.pid}/status`;
      if (!existsSync(path)) return null;
      return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(path, "utf8"))?.[1]) / 1024;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await Promise.race([child.exited, Bun.sleep(6000).then(() => child.kill("SIGKILL"))]);
    },
  };
}
