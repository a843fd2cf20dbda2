import { accessSync, constants, statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { errorCodeOf } from "./atomic-file.ts";
import { waitAtMost } from "./bounded-wait.ts";
import type { ChildExit } from "./child-processes.ts";
import type { Clock } from "./clock.ts";
import { type Survivor, startSurvivor } from "./survivor.ts";

export interface PipedProcessOptions {
  /** Program and arguments; no shell is involved. */
  readonly command: readonly string[];
  readonly cwd: string;
  /** All variables of the process; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** `ignore`: its standard input is empty. */
  readonly stdin: "pipe" | "ignore";
}

/** A process that this one talks to. It leads a process group of its own, where the system has them. */
export interface PipedProcess {
  readonly pid: number;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** When it has ended, what it has started may still run: its group is watched over until it gets SIGKILL. */
  readonly exited: Promise<ChildExit>;
  /** Resolves when the system has taken all of it; rejects when the process does not read any more. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** Closes its standard input. */
  readonly endInput: () => Promise<void>;
  /** To the process and all it has started, as far as they stayed in its group. Does nothing when none is left. */
  readonly signalGroup: (signal: NodeJS.Signals) => void;
}

/** Starts processes that do not outlive this one: not even its SIGKILL, where there is a shell. */
export interface PipedProcesses {
  /** @throws the system's error, with its `code`, when the program cannot be started */
  readonly start: (options: PipedProcessOptions) => PipedProcess;
  /** For when none runs any more; what is left of their groups is ended. */
  readonly stop: () => void;
}

const hasGroups = process.platform !== "win32";

/** Starts nothing yet. */
export function createPipedProcesses(): PipedProcesses {
  let survivor: Survivor | null = null;
  return {
    start: (options) => {
      const piped = startPiped(options);
      survivor ??= startSurvivor();
      const guard = survivor;
      const guarded = hasGroups ? -piped.pid : piped.pid;
      guard.add(guarded);
      let isEnded = false;
      let isKilled = false;
      void piped.exited.then(() => {
        isEnded = true;
        if (isKilled) guard.remove(guarded);
      });
      return {
        ...piped,
        signalGroup: (signal) => {
          piped.signalGroup(signal);
          isKilled ||= signal === "SIGKILL";
          if (isKilled && isEnded) guard.remove(guarded);
        },
      };
    },
    stop: () => {
      survivor?.end();
      survivor = null;
    },
  };
}

function startPiped({ command, cwd, env, stdin }: PipedProcessOptions): PipedProcess {
  const child = Bun.spawn([...command], {
    cwd,
    env: { ...env },
    stdin,
    stdout: "pipe",
    stderr: "pipe",
    detached: hasGroups,
  });
  const input = child.stdin;
  return {
    pid: child.pid,
    stdout: child.stdout,
    stderr: child.stderr,
    exited: child.exited.then(() => ({
      code: child.exitCode,
      // Unknown numbers do not occur: only this program's own signals and the system's reach it.
      signal: typeof child.signalCode === "string" ? child.signalCode : null,
    })),
    write: async (bytes) => {
      if (typeof input !== "object") return;
      // Either may be what tells that nobody reads.
      await input.write(bytes);
      await input.flush();
    },
    endInput: async () => {
      if (typeof input === "object") await input.end();
    },
    signalGroup: (signal) => {
      if (!hasGroups) child.kill(signal);
      else signalGroup(child.pid, signal);
    },
  };
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // ESRCH: none is left. EPERM: what is left has become another user's, or is ending (macOS).
    const code = errorCodeOf(error);
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

/** Longest wait for the end of a process after SIGKILL: one that hangs in the system itself ends when that lets go. */
const killWaitMs = 1_000;

/** SIGTERM to the group, and SIGKILL to what is left of it when the process has ended or the grace is over. */
export async function endProcessGroup(
  piped: PipedProcess,
  { clock, graceMs }: { readonly clock: Clock; readonly graceMs: number },
): Promise<void> {
  if (graceMs > 0) {
    piped.signalGroup("SIGTERM");
    await waitAtMost(piped.exited, { clock, limitMs: graceMs, otherwise: null });
  }
  piped.signalGroup("SIGKILL");
  await waitAtMost(piped.exited, { clock, limitMs: killWaitMs, otherwise: null });
}

/** The file that would be started, or why there is none. */
export type ProgramLookup =
  | { readonly kind: "found"; readonly path: string }
  | { readonly kind: "missing" | "not_executable" };

/** Looks a program up as the system would: a name on PATH, anything with a slash from the folder it works in. */
export function findProgram(
  name: string,
  { path, cwd }: { readonly path: string | undefined; readonly cwd: string },
): ProgramLookup {
  if (!/[/\\]/.test(name)) {
    const found = Bun.which(name, { PATH: path ?? "", cwd });
    return found === null ? { kind: "missing" } : { kind: "found", path: found };
  }
  const file = isAbsolute(name) ? name : resolve(cwd, name);
  try {
    if (!statSync(file).isFile()) return { kind: "missing" };
    accessSync(file, constants.X_OK);
    return { kind: "found", path: file };
  } catch (error) {
    if (errorCodeOf(error) === null) throw error;
    return { kind: errorCodeOf(error) === "EACCES" ? "not_executable" : "missing" };
  }
}
