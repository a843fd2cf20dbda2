/**
 * Makes `bin/claw-mesh`, one self-contained executable, unless it was already made from exactly these sources.
 * docs/adr/ tells why the flags are as they are. With a file as argument it is made there, in any case.
 */
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const root = join(import.meta.dir, "..");
const outfile = join(root, "bin", "claw-mesh");
const stampFile = join(root, ".cache", "build.json");

/** What the executable is made of; anything else cannot change it. */
const inputs = ["src/**/*", "package.json", "bun.lock", "tsconfig.json", "scripts/build.ts"];

const flags = [
  "--compile",
  "--minify",
  "--bytecode",
  "--format=esm",
  // A program must not take settings from whatever directory it is started in.
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
  "--define",
  `process.env.NODE_ENV="production"`,
];

interface Stamp {
  readonly inputs: string;
  readonly size: number;
  readonly builtAtMs: number;
}

async function hashInputs(): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  hasher.update(`${Bun.version} ${process.platform} ${process.arch}\n`);
  const paths = inputs
    .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: root })])
    .filter((path) => !path.endsWith(".test.ts"))
    .sort();
  for (const path of paths) {
    hasher.update(`${path}\n`);
    hasher.update(await Bun.file(join(root, path)).bytes());
  }
  return hasher.digest("hex");
}

async function isFresh(hash: string): Promise<boolean> {
  const stamp = (await Bun.file(stampFile)
    .json()
    .catch(() => null)) as Partial<Stamp> | null;
  const file = await stat(outfile).catch(() => null);
  return (
    stamp?.inputs === hash && file !== null && file.size === stamp.size && file.mtimeMs === stamp.builtAtMs
  );
}

/** Beside the target and renamed into place: a running program keeps its file, and no reader sees half of one. */
async function build(target: string): Promise<number> {
  // The name of the file is in the file: what is built under one name has the same bytes wherever and whenever it is built.
  const partial = join(dirname(target), `.partial-${process.pid}`);
  await mkdir(partial, { recursive: true });
  const made = join(partial, basename(outfile));
  const { exitCode } = Bun.spawnSync(
    [process.execPath, "build", ...flags, join(root, "src", "main.ts"), "--outfile", made],
    { cwd: root, stdio: ["ignore", "ignore", "inherit"] },
  );
  if (exitCode === 0) await rename(made, target);
  await rm(partial, { recursive: true, force: true });
  return exitCode;
}

async function buildAndStamp(hash: string): Promise<number> {
  await mkdir(join(root, ".cache"), { recursive: true });
  const exitCode = await build(outfile);
  if (exitCode !== 0) return exitCode;
  const file = await stat(outfile);
  const stamp: Stamp = { inputs: hash, size: file.size, builtAtMs: file.mtimeMs };
  await Bun.write(stampFile, `${JSON.stringify(stamp)}\n`);
  console.log(`built bin/claw-mesh, ${(file.size / 1e6).toFixed(1)} MB`);
  return 0;
}

async function main(target: string | undefined): Promise<void> {
  if (target !== undefined) {
    process.exitCode = await build(target);
    return;
  }
  const hash = await hashInputs();
  process.exitCode = (await isFresh(hash)) ? 0 : await buildAndStamp(hash);
}

await main(process.argv[2]);
