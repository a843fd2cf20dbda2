import { errorCodeOf } from "./atomic-file.ts";
import { waitAtMost } from "./bounded-wait.ts";
import type { Clock } from "./clock.ts";

export interface QuickCommandOptions {
  /** The process and all that it started are killed then, and not waited for: a hung driver can make it immortal. */
  readonly limitMs: number;
  /** Variables of this program (`CLAW_MESH_…`) are left out: tokens of the mesh are among them. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/** Characters of the output that are kept. */
const maxOutputLength = 64 * 1024;

/** Bytes of output after which the process is killed, as one that never stops talking. */
const maxOutputBytes = 1024 * 1024;

/** Variables of this program alone. */
const ownVariable = /^CLAW_MESH_/i;

/**
 * What a small program prints on standard output; null when it cannot be started, takes too long or ends with another
 * code than 0. No shell is involved. Nothing that it started is left when it does not end by itself.
 */
export async function readCommandOutput(
  command: readonly string[],
  { limitMs, env, clock }: QuickCommandOptions,
): Promise<string | null> {
  try {
    const child = Bun.spawn([...command], {
      env: Object.fromEntries(Object.entries(env).filter(([name]) => !ownVariable.test(name))),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
      // A group of its own, to be killed as a whole.
      detached: true,
    });
    const read = async () => {
      const output = await readAtMost(child.stdout, maxOutputBytes);
      if (output === null) return null;
      return (await child.exited) === 0 ? output.slice(0, maxOutputLength) : null;
    };
    const output = await waitAtMost(read(), { clock, limitMs, otherwise: null });
    if (output === null) killGroup(child);
    return output;
  } catch {
    // Not there, not executable: the same to the caller as a program that fails.
    return null;
  }
}

/** Kills a process that leads a group and what it started, where some of it still runs. */
export function killGroup(child: Bun.Subprocess): void {
  child.unref();
  try {
    // The number of a group is nobody else's while one of its processes runs.
    if (process.platform === "win32") child.kill("SIGKILL");
    else process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    // Nothing of it is left, or it has become another user's.
    if (errorCodeOf(error) === null) throw error;
  }
}

/** null: there is more than that. */
async function readAtMost(stream: ReadableStream<Uint8Array>, maxBytes: number): Promise<string | null> {
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for await (const piece of stream) {
    length += piece.byteLength;
    if (length > maxBytes) return null;
    text += decoder.decode(piece, { stream: true });
  }
  return text + decoder.decode();
}
