import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import type { FuzzTarget } from "./target.ts";

export interface FuzzRun {
  readonly name: string;
  readonly seed: number;
  /** It ends after this time, or after so many inputs; whichever comes first. */
  readonly timeMs: number;
  readonly inputs: number;
}

const crasherFolder = join(import.meta.dir, "..", "..", "..", ".cache", "fuzz");

/**
 * Feeds new inputs until the time or the number is used up. @returns how many
 * @throws what to do to see it again, with the smallest input found, which is kept in `.cache/fuzz/`
 */
export async function fuzz(target: FuzzTarget, run: FuzzRun): Promise<number> {
  let fed = 0;
  const property = fc.asyncProperty(target.inputs, async (input) => {
    fed += 1;
    await target.feed(input);
  });
  const details = await fc.check(property, {
    seed: run.seed,
    numRuns: run.inputs,
    interruptAfterTimeLimit: run.timeMs,
    markInterruptAsFailure: false,
  });
  if (!details.failed || details.counterexample === null) return fed;
  const [input] = details.counterexample;
  const file = await keepCrasher(run.name, input);
  throw new Error(
    [
      `${run.name} breaks on ${shorten(JSON.stringify(input))}`,
      `kept in ${file}; again: FUZZ_SEED=${run.seed} make fuzz ARGS=${run.name}`,
      `when it is mended, move the file to test/security/fuzz/corpus/${run.name}/`,
    ].join("\n"),
    { cause: details.errorInstance },
  );
}

async function keepCrasher(name: string, input: unknown): Promise<string> {
  const text = `${JSON.stringify({ input }, null, 2)}\n`;
  const hash = new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 12);
  await mkdir(crasherFolder, { recursive: true });
  await Bun.write(join(crasherFolder, `${name}-${hash}.json`), text);
  return `.cache/fuzz/${name}-${hash}.json`;
}

function shorten(text: string): string {
  return text.length > 1_000 ? `${text.slice(0, 300)} … (${text.length} characters)` : text;
}
