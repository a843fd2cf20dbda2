import type { Environment } from "../../platform/environment.ts";
import { gatewayEnvironment } from "../gateway/gateway-deps.ts";
import type { InstalledProgram } from "../installed-program.ts";

/** Characters of each output that are kept. */
const maxOutputLength = 256 * 1024;

/** Programs of runtimes load their whole configuration for a small question; a cold disk makes it slow. */
const limitMs = 60_000;

interface ProgramRun {
  readonly program: InstalledProgram;
  /** No secrets: other users see what a command line holds. */
  readonly args: readonly string[];
  readonly env: Environment;
  readonly cwd: string;
  /** What it reads on standard input; secrets go this way. */
  readonly input?: string;
}

export interface ProgramOutcome {
  /** null: it could not be started, or took longer than a minute. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program of a runtime to its end, without a shell. Never rejects. */
export async function runProgram({ program, args, env, cwd, input }: ProgramRun): Promise<ProgramOutcome> {
  try {
    const child = Bun.spawn([...program.command, ...args], {
      cwd,
      env: { ...gatewayEnvironment(env, program.env) },
      stdin: input === undefined ? "ignore" : Buffer.from(input),
      stdout: "pipe",
      stderr: "pipe",
      timeout: limitMs,
      killSignal: "SIGKILL",
    });
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    await child.exited;
    return {
      code: child.exitCode,
      stdout: stdout.slice(0, maxOutputLength),
      stderr: stderr.slice(0, maxOutputLength),
    };
  } catch {
    // Not there, not executable: the same to the caller as a program that fails.
    return { code: null, stdout: "", stderr: "" };
  }
}
