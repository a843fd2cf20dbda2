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
  /** null: it ended before one could ask when it was started, or was killed as that cannot be told. */
  readonly identity: ProcessIdentity | null;
  /** Only while this process runs. */
  readonly exited: Promise<ChildExit>;
}

/**
 * Starts a program in a session of its own: it outlives this process, hears nothing of its terminal, and does not keep it
 * alive.
 * @throws the system's error when the program cannot be started, or the log not be opened, or nothing be learned of its
 *   process, which is killed then
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
    const startedAt = readStart(child);
    const exited = child.exited.then(() => ({
      code: child.exitCode,
      signal: typeof child.signalCode === "string" ? child.signalCode : null,
    }));
    return { identity: startedAt === null ? null : { pid: child.pid, startedAt }, exited };
  } finally {
    closeSync(log);
  }
}

/** Without the time of its start nobody could end it later; to one that has ended, the signal does nothing. */
function readStart(child: Bun.Subprocess): string | null {
  try {
    const startedAt = readProcessStart(child.pid);
    if (startedAt === null) child.kill("SIGKILL");
    return startedAt;
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}
