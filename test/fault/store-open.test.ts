import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { e2eTimeoutMs } from "../support/mesh-process.ts";
import { createTempDir } from "../support/temp-dir.ts";
import { isStraceReady, traceTo } from "./strace/traced.ts";

setDefaultTimeout(e2eTimeoutMs);

const opener = fileURLToPath(import.meta.resolve("../support/store/open-and-die.ts"));

async function run(...command: readonly string[]): Promise<string> {
  const child = Bun.spawn([...command], { stdout: "pipe", stderr: "inherit" });
  const said = await new Response(child.stdout).text();
  await child.exited;
  return said;
}

describe.skipIf(!isStraceReady())("a coordinator that died between a commit and its flush", () => {
  test("leaves a commit that is on the disk before the next process answers from it", async () => {
    await using directory = await createTempDir();
    const file = join(directory.path, "mesh.db");
    const trace = join(directory.path, "trace");
    expect(await run(process.execPath, opener, file, "accept")).toBe("accepted\n");
    expect(existsSync(`${file}-wal`)).toBe(true);
    expect(await run(...traceTo(trace), process.execPath, opener, file, "find")).toBe("found\n");
    const calls = (await Bun.file(trace).text()).split("\n");
    const flushedAt = calls.findIndex((call) => /fdatasync\(\d+<[^>]*mesh\.db-wal>/.test(call));
    const answeredAt = calls.findIndex((call) => /write\(1<.*"found\\n"/.test(call));
    expect(flushedAt).toBeGreaterThan(-1);
    expect(answeredAt).toBeGreaterThan(flushedAt);
  });
});
