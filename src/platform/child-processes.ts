import { closeSync, openSync, readFileSync } from "node:fs";
import { MeshError } from "../protocol/errors.ts";
import { errorCodeOf } from "./atomic-file.ts";
import { startSurvivor } from "./survivor.ts";

export interface ChildOptions {
  /** Program and arguments; no shell is involved. */
  readonly command: readonly string[];
  readonly cwd: string;
  /** All variables of the process; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** What it writes is appended here; null: it is thrown away. */
  readonly logFile: string | null;
  /** `line`: standard output is read as far as its first line, see {@link Child.firstOutput}. */
  readonly stdout: "log" | "line";
  /** `pipe`: standard input stays open until the child or this process ends. */
  readonly stdin?: "ignore" | "pipe";
}

export interface ChildExit {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly pid: number;
  readonly isRunning: () => boolean;
  /** Does nothing when it has ended. */
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly exited: Promise<ChildExit>;
  /** With `stdout: "line"`: all that came until {@link ChildOptions.stdout} parsed as JSON or ended; else empty. */
  readonly firstOutput: Promise<string>;
}

/** Processes that this one has started, and that do not outlive it: not even its SIGKILL, where there is a shell. */
export interface Children {
  /** Throws after {@link stop}. */
  readonly start: (options: ChildOptions) => Child;
  /** SIGKILL to all that run, and waits for their end. */
  readonly stop: () => Promise<void>;
}

/** Characters of standard output that are read. */
const maxFirstOutput = 64 * 1024;

/** @throws nothing itself; `start` throws the system's error when the program cannot be started */
export function createChildren(): Children {
  const running = new Set<Child>();
  const survivor = startSurvivor();
  let isStopped = false;
  const killAll = () => {
    for (const child of running) child.kill("SIGKILL");
  };
  // A second signal or a fault ends this process at once; what it started must not stay behind.
  process.on("exit", killAll);
  return {
    start: (options) => {
      if (isStopped) throw new MeshError("INTERNAL", "a process was to be started after all were stopped");
      const child = startChild(options);
      running.add(child);
      survivor.add(child.pid);
      void child.exited.then(() => {
        running.delete(child);
        survivor.remove(child.pid);
      });
      return child;
    },
    stop: async () => {
      isStopped = true;
      killAll();
      await Promise.all([...running].map((child) => child.exited));
      survivor.end();
      process.off("exit", killAll);
    },
  };
}

function startChild(options: ChildOptions): Child {
  const log = options.logFile === null ? null : openSync(options.logFile, "a", 0o600);
  try {
    const child = Bun.spawn([...options.command], {
      cwd: options.cwd,
      env: { ...options.env },
      stdin: options.stdin ?? "ignore",
      stdout: options.stdout === "line" ? "pipe" : (log ?? "ignore"),
      stderr: log ?? "ignore",
    });
    const isRunning = () => child.exitCode === null && child.signalCode === null;
    return {
      pid: child.pid,
      isRunning,
      kill: (signal) => {
        if (isRunning()) child.kill(signal);
      },
      exited: child.exited.then(() => ({
        code: child.exitCode,
        // Unknown numbers do not occur: only this program's own signals and the system's reach it.
        signal: typeof child.signalCode === "string" ? child.signalCode : null,
      })),
      firstOutput:
        child.stdout instanceof ReadableStream ? readFirstOutput(child.stdout) : Promise.resolve(""),
    };
  } finally {
    if (log !== null) closeSync(log);
  }
}

/** Reads on after the first whole JSON value, so that the child never waits for a reader. */
async function readFirstOutput(stream: ReadableStream<Uint8Array>): Promise<string> {
  const first = Promise.withResolvers<string>();
  const read = async () => {
    const decoder = new TextDecoder();
    let text = "";
    for await (const piece of stream) {
      if (text.length < maxFirstOutput) text += decoder.decode(piece, { stream: true });
      if (isWholeLine(text)) first.resolve(text);
    }
    first.resolve(text);
  };
  read().catch(() => first.resolve(""));
  return await first.promise;
}

/** A JSON object over several lines ends with a brace of its own line; other output with its first line. */
function isWholeLine(text: string): boolean {
  return text.startsWith("{") ? /^\{[\s\S]*\n\}\n/.test(text) || /^\{.*\}\n/.test(text) : text.includes("\n");
}

/** Bytes of memory the process had at its peak; null where the system does not tell. */
export function peakMemoryBytes(pid: number | "self"): number | null {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) * 1024;
  } catch (error) {
    // It has ended, or this system has no such files.
    if (errorCodeOf(error) === null) throw error;
    return null;
  }
}

/** The command that starts this program again: the executable, or Bun with the source file it runs. */
export function ownCommand(): readonly string[] {
  // Inside the executable the sources live in a file system of its own.
  return Bun.main.startsWith("/$bunfs/") || Bun.main.includes("~BUN")
    ? [process.execPath]
    : [process.execPath, Bun.main];
}
