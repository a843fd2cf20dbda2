import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "../../support/temp-dir.ts";

setDefaultTimeout(120_000);

const root = join(import.meta.dir, "..", "..", "..");

async function buildHash(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, "claw-mesh");
  const build = Bun.spawn([process.execPath, join(root, "scripts", "build.ts"), file], {
    cwd: folder,
    stdio: ["ignore", "inherit", "inherit"],
  });
  expect(await build.exited).toBe(0);
  return new Bun.CryptoHasher("sha256").update(await Bun.file(file).bytes()).digest("hex");
}

test("the same sources give the same executable, byte for byte, wherever they are built", async () => {
  await using dir = await createTempDir();
  const first = await buildHash(join(dir.path, "one"));
  expect(await buildHash(join(dir.path, "another", "deeper"))).toBe(first);
});
