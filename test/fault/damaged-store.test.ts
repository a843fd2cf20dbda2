import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFile, open, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { createTestMesh, e2eTimeoutMs, type Machine, type TestMesh } from "../support/mesh-process.ts";

setDefaultTimeout(e2eTimeoutMs);

/** Damage to the database ends a start with this code, as any failure that is no fault of usage. */
const failureExit = 1;

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await createTestMesh();
});
afterAll(() => mesh[Symbol.asyncDispose]());

const dataDir = (machine: Machine) => join(machine.home, ".claw-mesh");

/** A stopped coordinator with one task; its database is whole. */
async function leaveTask(name: string): Promise<{ machine: Machine; taskId: string }> {
  const machine = await mesh.createMachine(name);
  const coordinator = await mesh.startCoordinator({ machine });
  await mesh.startNode(coordinator, { name: `${name}-worker` });
  const { body } = await coordinator.call("POST", "/api/v1/route", { content: "remember me" });
  expect(await coordinator.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  return { machine, taskId: body.message_id };
}

async function overwrite(file: string, at: number, length: number): Promise<void> {
  const handle = await open(file, "r+");
  await handle.write(new Uint8Array(length).fill(0xa5), 0, length, at);
  await handle.close();
}

function start(machine: Machine) {
  return machine.cli(["up", "--no-local", "--port", "0"]);
}

/** The commands of a hint of the form `Move A, A-wal and A-shm away[, then copy B to A]`. */
async function followHint(stderr: string, machine: Machine): Promise<{ readonly copied: string | null }> {
  const file = /Move (\S+), /.exec(stderr)?.[1] ?? "";
  expect(file).toBe(join(dataDir(machine), "mesh.db"));
  for (const suffix of ["", "-wal", "-shm"]) {
    const isThere = await Bun.file(file + suffix).exists();
    if (isThere) await rename(file + suffix, `${file + suffix}.away`);
  }
  const copied = /then copy (\S+) to (\S+?)\.?$/m.exec(stderr)?.[1] ?? null;
  if (copied !== null) await copyFile(copied, file);
  return { copied };
}

describe("a damaged database", () => {
  test("ends the start with the way to begin anew when there is no backup; it works, with the same token", async () => {
    const { machine, taskId } = await leaveTask("no-backup");
    const token = await Bun.file(join(dataDir(machine), "token")).text();
    for (const file of await readdir(dataDir(machine))) {
      if (file.startsWith("mesh.db.backup-"))
        await rename(join(dataDir(machine), file), join(machine.home, file));
    }
    await overwrite(join(dataDir(machine), "mesh.db"), 0, 4096);
    const { exitCode, stdout, stderr } = await start(machine);
    expect({ exitCode, stdout }).toEqual({ exitCode: failureExit, stdout: "" });
    expect(stderr).toContain("mesh.db is damaged or not a database");
    expect((await followHint(stderr, machine)).copied).toBeNull();
    const anew = await mesh.startCoordinator({ machine });
    expect(anew.token).toBe(token.trim());
    expect((await anew.call("GET", `/api/v1/tasks/${taskId}`)).status).toBe(404);
  });

  test("names the newest backup; with it everything up to the backup is there again", async () => {
    const { machine, taskId } = await leaveTask("with-backup");
    const file = join(dataDir(machine), "mesh.db");
    await copyFile(file, `${file}.backup-v1-20200101T000000Z`);
    await copyFile(file, `${file}.backup-v2-20260101T000000Z`);
    await overwrite(file, 0, 4096);
    const { exitCode, stderr } = await start(machine);
    expect(exitCode).toBe(failureExit);
    const { copied } = await followHint(stderr, machine);
    expect(copied).not.toBeNull();
    const restored = await mesh.startCoordinator({ machine });
    const { status, body } = await restored.call("GET", `/api/v1/tasks/${taskId}`);
    expect({ status, state: body.state }).toEqual({ status: 200, state: "succeeded" });
  });

  test("is found at the start also when only pages in the middle are damaged, and nothing is thrown away", async () => {
    const { machine } = await leaveTask("middle");
    const file = join(dataDir(machine), "mesh.db");
    const { size } = Bun.file(file);
    await overwrite(file, 8192, size - 8192);
    const { exitCode, stderr } = await start(machine);
    expect(exitCode).toBe(failureExit);
    expect(stderr).toContain("is damaged");
    expect(Bun.file(file).size).toBe(size);
  });
});
