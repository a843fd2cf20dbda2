import { closeSync, openSync } from "node:fs";
import type { ChildExit } from "./child-processes.ts";
import { type ProcessIdentity, readProcessStart } from "./process-identity.ts";

interface BackgroundOptions {
  /** Program and arguments; no shell is involved. */
  readonly command: readonly string[];
  readonly cwd: string;
  /** All variables of the process; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** What it writes is appended here; made with mode 0600. */
  readonly logFile: string;
}

export interface BackgroundProcess {
  /** null: it ended before one could ask when it was started. */
  readonly identity: ProcessIdentity | null;
  /** Only while this process runs. */
  readonly exited: Promise<ChildExit>;
}

/**
 * Starts a program in a session of its own: it outlives this process, hears nothing of its terminal, and does not keep it
 * alive.
 * @throws the system's error when the program cannot be started, or the log not be opened
 */
export function startInBackground(options: BackgroundOptions): BackgroundProcess {
  const log = openSync(options.logFile, "a", 0o600);
  try {
    const child = Bun.spawn([...options.command], {
      cwd: options.cwd,
      env: { ...options.env },
      stdin: "ignore",
      stdout: log,
      stderr: log,
      detached: true,
    });
    child.unref();
    const startedAt = readProcessStart(child.pid);
    const exited = child.exited.then(() => ({
      code: child.exitCode,
      signal: typeof child.signalCode === "string" ? child.signalCode : null,
    }));
    return { identity: startedAt === null ? null : { pid: child.pid, startedAt }, exited };
  } finally {
    closeSync(log);
  }
}
