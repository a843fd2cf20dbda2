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

/** Runs the commands of the hint as they stand. @returns the hint */
function followHint(stderr: string): string {
  const [, hint = ""] = /^Hint: (.*)$/m.exec(stderr) ?? [];
  const [commands = ""] = /mkdir -p .*$/.exec(hint) ?? [];
  const { exitCode, stderr: said } = Bun.spawnSync(["sh", "-c", commands]);
  expect({ commands, exitCode, said: said.toString() }).toMatchObject({ exitCode: 0, said: "" });
  return hint;
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
    expect(followHint(stderr)).toContain("There is no backup");
    const anew = await mesh.startCoordinator({ machine });
    expect(anew.token).toBe(token.trim());
    expect((await anew.call("GET", `/api/v1/tasks/${taskId}`)).status).toBe(404);
  });

  test("names the newest backup; with it everything up to the backup is there again", async () => {
    const { machine, taskId } = await leaveTask("with-backup");
    const file = join(dataDir(machine), "mesh.db");
    const newest = `${file}.backup-v2-20990101T000000000Z`;
    await copyFile(file, newest);
    await Bun.write(`${file}.backup-v1-20200101T000000000Z`, "an older one");
    await overwrite(file, 0, 4096);
    const { exitCode, stderr } = await start(machine);
    expect(exitCode).toBe(failureExit);
    expect(followHint(stderr)).toContain(newest);
    // What was damaged is kept, for whoever can read more of it.
    const [place = ""] = (await readdir(dataDir(machine))).filter((name) =>
      name.startsWith("mesh.db.damaged-"),
    );
    expect(await readdir(join(dataDir(machine), place))).toContain("mesh.db");
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
    const [message = ""] = /^Error: .*is damaged.*$/m.exec(stderr) ?? [];
    expect(message).toContain(file);
    expect(message).not.toContain("***");
    expect(Bun.file(file).size).toBe(size);
  });
});
