import { join } from "node:path";

export interface KeptInput {
  readonly name: string;
  readonly input: unknown;
}

/** Inputs that once broke something, or that every run shall try: `corpus/<target>/*.json`, each `{"input": …}`. */
export async function loadCorpus(target: string): Promise<readonly KeptInput[]> {
  const folder = join(import.meta.dir, "corpus", target);
  const files = [
    ...new Bun.Glob(`${target}/*.json`).scanSync({ cwd: join(import.meta.dir, "corpus") }),
  ].sort();
  return Promise.all(
    files.map(async (file) => {
      const name = file.slice(target.length + 1, -".json".length);
      const kept = (await Bun.file(join(folder, `${name}.json`)).json()) as { readonly input: unknown };
      return { name, input: kept.input };
    }),
  );
}

/** Seeds that every run tries: `seeds/<target>.json`, a list of numbers. */
export async function loadSeeds(target: string): Promise<readonly number[]> {
  const file = Bun.file(join(import.meta.dir, "seeds", `${target}.json`));
  return (await file.exists()) ? ((await file.json()) as number[]) : [];
}

/** `FUZZ_SEED`, else one that nobody has tried. */
export function newSeed(): number {
  const given = Number(process.env.FUZZ_SEED);
  return Number.isInteger(given) && given !== 0 ? given : Math.floor(Math.random() * 2 ** 31);
}
