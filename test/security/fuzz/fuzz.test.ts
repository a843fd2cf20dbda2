import { describe, setDefaultTimeout, test } from "bun:test";
import { countTriedCases } from "../../support/tried-cases.ts";
import { loadCorpus, loadSeeds, newSeed } from "./kept-inputs.ts";
import { fuzz } from "./run-target.ts";
import { fuzzTargets } from "./targets/index.ts";

setDefaultTimeout(60_000);

/** All targets together stay below 25 s. `make fuzz` takes the time. */
const seedInputs = 60;
const newInputs = 5_000;
const timeMs = 1_200;

for (const [name, start] of Object.entries(fuzzTargets)) {
  const corpus = await loadCorpus(name);
  const seeds = await loadSeeds(name);
  const seed = newSeed();

  describe(name, () => {
    if (corpus.length > 0)
      test.each(corpus.map((kept) => [kept.name, kept.input] as const))("survives %s", async (_, input) => {
        await using target = await start();
        await target.feed(input);
      });

    test(`survives what the seeds ${seeds.join(", ")} make`, async () => {
      await using target = await start();
      for (const kept of seeds) {
        const fed = await fuzz(target, { name, seed: kept, timeMs, inputs: seedInputs });
        countTriedCases(`fuzz.${name}`, fed);
      }
    });

    test("survives what a new seed makes", async () => {
      await using target = await start();
      countTriedCases(`fuzz.${name}`, await fuzz(target, { name, seed, timeMs, inputs: newInputs }));
    });
  });
}
