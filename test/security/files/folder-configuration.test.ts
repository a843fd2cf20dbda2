import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTestMesh, e2eTimeoutMs, type Machine, type TestMesh } from "../../support/mesh-process.ts";

setDefaultTimeout(e2eTimeoutMs);

const foreignToken = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

let mesh: TestMesh;
let machine: Machine;
beforeEach(async () => {
  mesh = await createTestMesh();
  machine = await mesh.createMachine("owner");
});
afterEach(() => mesh[Symbol.asyncDispose]());

const tokenFile = () => join(machine.home, ".claw-mesh", "token");
const storedToken = async () => (await readFile(tokenFile(), "utf8")).trim();
const file = () => join(machine.cwd, "claw-mesh.yaml");
const upArguments = ["up", "--no-local", "--port", "0"] as const;

/** What a repository that somebody has cloned may hold. */
const plant = (more = "") =>
  writeFile(file(), `coordinator: { token: "${foreignToken}" }\nlog: { level: error }\n${more}`);

/** Starts it, and ends it when it listens. */
async function startAndStop(args: readonly string[] = []): Promise<string> {
  const program = machine.start([...upArguments, ...args]);
  await Bun.sleep(0);
  for (let at = 0; at < 200 && !(await isUp()); at += 1) await Bun.sleep(50);
  await program.stop();
  return program.stderr();
}

const isUp = () => Bun.file(join(machine.home, ".claw-mesh", "coordinator.json")).exists();

describe("a configuration in the directory where up is typed", () => {
  test("does not take the place of the admin token that the mesh has", async () => {
    await startAndStop();
    const own = await storedToken();
    await plant();
    const { exitCode, stderr } = await machine.cli(upArguments);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain(`${file()} gives another admin token`);
    expect(stderr).toContain(`--config ${file()}`);
    expect(stderr).not.toContain(foreignToken);
    expect(await storedToken()).toBe(own);
  });

  test("counts when it is named", async () => {
    await startAndStop();
    await plant();
    await startAndStop(["--config", file()]);
    expect(await storedToken()).toBe(foreignToken);
  });

  test("counts when there is no token yet, or the same", async () => {
    expect((await machine.cli(["init"])).exitCode).toBe(0);
    await startAndStop();
    const first = await storedToken();
    expect(await readFile(file(), "utf8")).toContain(first);
    await startAndStop();
    expect(await storedToken()).toBe(first);
  });

  test("that init writes beside a mesh has the token of that mesh", async () => {
    await startAndStop();
    const own = await storedToken();
    expect((await machine.cli(["init"])).exitCode).toBe(0);
    await startAndStop();
    expect(await storedToken()).toBe(own);
    // The file of another mesh gets one of its own.
    expect((await machine.cli(["init", "--config", "other.yaml"])).exitCode).toBe(0);
    expect(await readFile(join(machine.cwd, "other.yaml"), "utf8")).not.toContain(own);
  });

  test("is told of whatever log level it sets, by up and by join", async () => {
    await plant();
    expect(await startAndStop()).toContain(`configuration read path=${file()}`);
    await rm(tokenFile());
    const { stderr } = await machine.cli(["join", "http://127.0.0.1:1", "--token", "t", "--no-gateway"], {
      timeoutMs: 3_000,
    });
    expect(stderr).toContain(`configuration read path=${file()}`);
  });

  test("says nothing of whom another machine's certificate may come from", async () => {
    await plant("tls: { ca_file: ./ca.pem }\n");
    for (const args of [["status"], ["nodes"]]) {
      const { exitCode, stderr } = await machine.cli([...args, "--coordinator", "https://192.0.2.1:9180"]);
      expect(exitCode).not.toBe(0);
      expect(stderr).toContain(`${file()} sets tls.ca_file`);
    }
    const joined = await machine.cli(["join", "https://192.0.2.1:9180", "--token", "t", "--no-gateway"]);
    expect(joined.stderr).toContain(`${file()} sets tls.ca_file`);
  });
});

describe("an admin token that is too short", () => {
  test.each(["summer2026", "fifteen-letters"])("is refused: %s", async (token) => {
    const { exitCode, stderr } = await machine.cli([...upArguments, "--token", token]);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("shorter than 16 characters");
    expect(stderr).not.toContain(token);
  });

  test("is warned of when it is long enough, but a person may have chosen it", async () => {
    await mkdir(join(machine.home, ".claw-mesh"), { mode: 0o700 });
    await writeFile(tokenFile(), "correct-horse-battery", { mode: 0o600 });
    expect(await startAndStop()).toContain("the admin token could be guessed");
    await rm(tokenFile());
    expect(await startAndStop()).not.toContain("could be guessed");
  });
});
