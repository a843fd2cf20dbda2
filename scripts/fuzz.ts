/**
 * Feeds nonsense to every input of the product for a long time: FUZZ_SECONDS for each target (default 300), all or those
 * that are named. FUZZ_SEED repeats a run.
 */
import { newSeed } from "../test/security/fuzz/kept-inputs.ts";
import { fuzz } from "../test/security/fuzz/run-target.ts";
import { fuzzTargets } from "../test/security/fuzz/targets/index.ts";

const seconds = Number(process.env.FUZZ_SECONDS ?? 300);
/** Inputs of one seed; then a new target starts with the next one, so that what it holds does not grow for ever. */
const inputsPerSeed = 20_000;

async function fuzzFor(name: string, timeMs: number): Promise<number> {
  const start = fuzzTargets[name];
  if (start === undefined)
    throw new Error(`no target ${name}; there are ${Object.keys(fuzzTargets).join(", ")}`);
  const endsAtMs = performance.now() + timeMs;
  let seed = newSeed();
  let fed = 0;
  for (let leftMs = timeMs; leftMs > 0; leftMs = endsAtMs - performance.now()) {
    console.log(`${name}: seed ${seed}`);
    await using target = await start();
    fed += await fuzz(target, { name, seed, timeMs: leftMs, inputs: inputsPerSeed });
    seed = (seed + 1) % 2 ** 31;
  }
  return fed;
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(fuzzTargets);
const failed: string[] = [];
for (const name of names) {
  try {
    console.log(`${name}: ${await fuzzFor(name, seconds * 1000)} inputs, none breaks it`);
  } catch (error) {
    console.error(error);
    failed.push(name);
  }
}
if (failed.length > 0) console.error(`broken: ${failed.join(", ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;
process.exit();
