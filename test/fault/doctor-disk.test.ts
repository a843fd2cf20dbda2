import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { createTestMesh, e2eTimeoutMs } from "../support/mesh-process.ts";
import { isMountReady, mountSmallDisk } from "./small-disk.ts";

setDefaultTimeout(e2eTimeoutMs);

test.skipIf(!isMountReady())("doctor tells a disk that is full, before work is refused", async () => {
  await using mesh = await createTestMesh();
  const machine = await mesh.createMachine("small");
  const folder = join(machine.home, "mesh");
  await using disk = await mountSmallDisk(folder, 8);
  await disk.fill();
  const { exitCode, stdout } = await machine.cli(["doctor"], { env: { CLAW_MESH_HOME: folder } });
  expect(stdout).toMatch(/^disk +failed +0 MiB free at /m);
  expect(exitCode).toBe(1);
});
