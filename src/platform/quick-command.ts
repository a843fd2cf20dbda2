import { waitAtMost } from "./bounded-wait.ts";
import type { Clock } from "./clock.ts";

export interface QuickCommandOptions {
  /** The process is killed then, and not waited for: a hung driver can make it immortal. */
  readonly limitMs: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/** Characters of the output that are kept. */
const maxOutputLength = 64 * 1024;

/** Bytes of output after which the process is killed, as one that never stops talking. */
const maxOutputBytes = 1024 * 1024;

/**
 * What a small program prints on standard output; null when it cannot be started, takes too long or ends with another
 * code than 0. No shell is involved.
 */
export async function readCommandOutput(
  command: readonly string[],
  { limitMs, env, clock }: QuickCommandOptions,
): Promise<string | null> {
  try {
    const child = Bun.spawn([...command], {
      env,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
      timeout: limitMs,
      killSignal: "SIGKILL",
      maxBuffer: maxOutputBytes,
    });
    const read = async () => {
      const output = await child.stdout.text();
      return (await child.exited) === 0 ? output.slice(0, maxOutputLength) : null;
    };
    return await waitAtMost(read(), { clock, limitMs, otherwise: null });
  } catch {
    // Not there, not executable: the same to the caller as a program that fails.
    return null;
  }
}
