import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ZeroclawKnobs } from "./gateway-state.ts";

export interface ZeroclawArchiveOptions {
  /** What `--version` prints; default 0.8.4. */
  readonly version?: string;
  /** Name of the file; default {@link zeroclawAsset}. */
  readonly asset?: string;
  /** Size of `zerocode` inside, which cannot be compressed: for downloads that break off. Default 64 KiB. */
  readonly paddingBytes?: number;
  /** How the program inside behaves. */
  readonly knobs?: ZeroclawKnobs;
}

export interface ZeroclawArchive {
  readonly path: string;
  /** Name of the release asset: `zeroclaw-x86_64-unknown-linux-gnu.tar.gz`. */
  readonly asset: string;
  /** Of the archive, 64 hexadecimal digits. */
  readonly sha256: string;
  readonly bytes: number;
}

/** The release asset for the platform that the tests run on. */
export function zeroclawAsset(): string {
  const cpu = process.arch === "arm64" ? "aarch64" : process.arch === "arm" ? "armv7" : "x86_64";
  if (process.platform === "darwin") return `zeroclaw-${cpu}-apple-darwin.tar.gz`;
  const abi = cpu === "armv7" ? "gnueabihf" : "gnu";
  return `zeroclaw-${cpu}-unknown-linux-${abi}.tar.gz`;
}

/**
 * Packs a release archive as those of 0.8.x are: `zeroclaw` and `zerocode` at its root and the dashboard in `web/dist`. The `zeroclaw` in it
 * is a script that runs the protocol server with the same Bun as the tests.
 */
export async function createZeroclawArchive(
  folder: string,
  {
    version = "0.8.4",
    asset = zeroclawAsset(),
    knobs = {},
    paddingBytes = 65_536,
  }: ZeroclawArchiveOptions = {},
): Promise<ZeroclawArchive> {
  const content = join(folder, `content-${asset}`);
  await mkdir(join(content, "web", "dist"), { recursive: true });
  await writeZeroclawProgram(join(content, "zeroclaw"), { ...knobs, version });
  await writeFile(join(content, "web", "dist", "index.html"), "<!doctype html><title>ZeroClaw</title>\n");
  await writeFile(join(content, "zerocode"), randomBytes(paddingBytes));
  const path = join(folder, asset);
  const tar = Bun.spawn(["tar", "-czf", path, "-C", content, "zeroclaw", "zerocode", "web"], {
    stderr: "inherit",
  });
  if ((await tar.exited) !== 0) throw new Error(`tar could not write ${path}`);
  await rm(content, { recursive: true });
  const bytes = await readFile(path);
  return { path, asset, sha256: createHash("sha256").update(bytes).digest("hex"), bytes: bytes.length };
}

/** Writes the program alone, executable: for a folder on PATH. */
export async function writeZeroclawProgram(path: string, knobs: ZeroclawKnobs = {}): Promise<void> {
  const program = join(import.meta.dir, "program.ts");
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  const script = [
    "#!/bin/sh",
    `if [ -z "$FAKE_ZEROCLAW_KNOBS" ]; then FAKE_ZEROCLAW_KNOBS=${quote(JSON.stringify(knobs))}; fi`,
    "export FAKE_ZEROCLAW_KNOBS",
    "BUN_RUNTIME_TRANSPILER_CACHE_PATH=0 BUN_BE_BUN=1 exec \\",
    `  ${quote(process.execPath)} --no-env-file ${quote(program)} "$@"`,
    "",
  ];
  await writeFile(path, script.join("\n"));
  await chmod(path, 0o755);
}
