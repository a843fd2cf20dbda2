import { waitAtMost } from "../../platform/bounded-wait.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Environment } from "../../platform/environment.ts";
import { killGroup } from "../../platform/quick-command.ts";
import { gatewayEnvironment } from "../gateway/gateway-deps.ts";
import type { InstalledProgram } from "../installed-program.ts";

/** Characters of each output that are kept. */
const maxOutputLength = 256 * 1024;

/** Programs of runtimes load their whole configuration for a small question; a cold disk makes it slow. */
const defaultLimitMs = 60_000;

/** For its output after its end: what it has started may hold it open for ever. */
const outputLimitMs = 1_000;

interface ProgramRun {
  readonly program: InstalledProgram;
  /** No secrets: other users see what a command line holds. */
  readonly args: readonly string[];
  readonly env: Environment;
  readonly cwd: string;
  /** What it reads on standard input; secrets go this way. */
  readonly input?: string;
  readonly clock: Clock;
  /** It and what it has started are killed then; default: a minute. */
  readonly limitMs?: number;
}

export interface ProgramOutcome {
  /** null: it could not be started, a signal ended it, or it took too long. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program of a runtime to its end, without a shell. What it leaves running is not waited for. Never rejects. */
export async function runProgram(run: ProgramRun): Promise<ProgramOutcome> {
  const { program, args, env, cwd, input, clock } = run;
  try {
    const child = Bun.spawn([...program.command, ...args], {
      cwd,
      env: { ...gatewayEnvironment(env, program.env) },
      stdin: input === undefined ? "ignore" : Buffer.from(input),
      stdout: "pipe",
      stderr: "pipe",
      // A group of its own, to be killed as a whole.
      detached: true,
    });
    const outputs = [collect(child.stdout), collect(child.stderr)] as const;
    const limit = { clock, limitMs: run.limitMs ?? defaultLimitMs, otherwise: null };
    const code = await waitAtMost(child.exited, limit);
    if (code === null) killGroup(child);
    const ends = Promise.all(outputs.map(({ ended }) => ended));
    await waitAtMost(ends, { clock, limitMs: outputLimitMs, otherwise: null });
    const [stdout, stderr] = outputs.map(({ take }) => take());
    return { code, stdout: stdout ?? "", stderr: stderr ?? "" };
  } catch {
    // Not there, not executable: the same to the caller as a program that fails.
    return { code: null, stdout: "", stderr: "" };
  }
}

/** Reads an output to its end, so that nobody waits for a reader, and keeps its beginning. */
function collect(stream: ReadableStream<Uint8Array>) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  const read = async () => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (text.length < maxOutputLength) text += decoder.decode(next.value, { stream: true });
    }
  };
  return {
    ended: read(),
    /** What has come so far; nothing is read after it. */
    take: () => {
      void reader.cancel();
      return text.slice(0, maxOutputLength);
    },
  };
}
