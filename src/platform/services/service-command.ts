import { waitAtMost } from "../bounded-wait.ts";
import type { Clock } from "../clock.ts";

/** A program with its arguments; no shell is involved. */
export type CommandLine = readonly string[];

export interface CommandOutcome {
  /** null: it could not be started, or took too long. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export type RunCommand = (command: CommandLine) => Promise<CommandOutcome>;

/** A unit that is stopped may take as long as its own limit, and systemctl waits for it. */
const limitMs = 120_000;

const maxOutputLength = 256 * 1024;

const notRun: CommandOutcome = { exitCode: null, stdout: "", stderr: "" };

/** Runs programs of a service manager, with the given variables and nothing else, for two minutes at most. */
export function createRunCommand(env: Readonly<Record<string, string>>, clock: Clock): RunCommand {
  return async (command) => {
    try {
      const child = Bun.spawn([...command], {
        env: { ...env },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
        timeout: limitMs,
        killSignal: "SIGKILL",
      });
      const read = async (): Promise<CommandOutcome> => {
        const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
        const cut = (text: string) => text.slice(0, maxOutputLength);
        return { exitCode: child.exitCode, stdout: cut(stdout), stderr: cut(stderr) };
      };
      return await waitAtMost(read(), { clock, limitMs, otherwise: notRun });
    } catch {
      // Not there, or not executable: the caller tells that apart from a failure by the missing exit code.
      return notRun;
    }
  };
}

/** Passes on what a program writes, piece by piece, until it ends or the signal does; its exit code, null when it could not run. */
export async function streamCommand(
  command: CommandLine,
  options: {
    readonly env: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
    readonly onOutput: (text: string) => void;
  },
): Promise<number | null> {
  try {
    const child = Bun.spawn([...command], {
      env: { ...options.env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
      signal: options.signal,
      killSignal: "SIGTERM",
    });
    const decoder = new TextDecoder();
    for await (const piece of child.stdout) options.onOutput(decoder.decode(piece, { stream: true }));
    await child.exited;
    return options.signal.aborted ? 0 : child.exitCode;
  } catch {
    return null;
  }
}

/** The variables that programs of a service manager need; keys and tokens of the caller stay with him. */
export function commandEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  uid: number | null,
): Readonly<Record<string, string>> {
  const kept: Record<string, string> = { LC_ALL: "C", SYSTEMD_COLORS: "0", SYSTEMD_PAGER: "" };
  for (const name of ["PATH", "HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"]) {
    const value = env[name];
    if (value !== undefined && value !== "") kept[name] = value;
  }
  // A session that was begun by su or sudo does not know where its user's manager listens.
  if (uid !== null && kept.XDG_RUNTIME_DIR === undefined) kept.XDG_RUNTIME_DIR = `/run/user/${uid}`;
  return kept;
}
