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
  let last: { readonly input: unknown; readonly end: Promise<void> } | null = null;
  const property = fc.asyncProperty(target.inputs, async (input) => {
    fed += 1;
    const end = (async () => target.feed(input))();
    last = { input, end };
    await end;
  });
  const details = await fc.check(property, {
    seed: run.seed,
    numRuns: run.inputs,
    interruptAfterTimeLimit: run.timeMs,
    markInterruptAsFailure: false,
  });
  if (details.failed && details.counterexample !== null)
    throw await toCrash(run, details.counterexample[0], details.errorInstance);
  await finish(run, last);
  return fed;
}

/** The end of the time leaves an input in the middle; what it needs must not be taken away from it. */
async function finish(
  run: FuzzRun,
  last: { readonly input: unknown; readonly end: Promise<void> } | null,
): Promise<void> {
  try {
    await last?.end;
  } catch (error) {
    throw await toCrash(run, last?.input, error);
  }
}

async function toCrash(run: FuzzRun, input: unknown, cause: unknown): Promise<Error> {
  const file = await keepCrasher(run.name, input);
  return new Error(
    [
      `${run.name} breaks on ${shorten(JSON.stringify(input))}`,
      `kept in ${file}; again: FUZZ_SEED=${run.seed} make fuzz ARGS=${run.name}`,
      `when it is mended, move the file to test/security/fuzz/corpus/${run.name}/`,
    ].join("\n"),
    { cause },
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
