import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type CoordinatorProcess,
  createTestMesh,
  e2eTimeoutMs,
  type TestMesh,
} from "../../support/mesh-process.ts";

setDefaultTimeout(e2eTimeoutMs);

let mesh: TestMesh;
let coordinator: CoordinatorProcess;
beforeEach(async () => {
  mesh = await createTestMesh();
  coordinator = await mesh.startCoordinator();
});
afterEach(() => mesh[Symbol.asyncDispose]());

/** Somebody else's program on this machine, which keeps what it is told. */
function listen(port = 0) {
  const heard: string[] = [];
  const server = Bun.serve({
    port,
    hostname: "127.0.0.1",
    fetch: ({ headers }) => {
      heard.push(JSON.stringify([...headers]));
      return Response.json([]);
    },
  });
  return { heard, port: Number(server.port), [Symbol.asyncDispose]: () => server.stop(true) };
}

const dataDir = () => join(coordinator.machine.home, ".claw-mesh");
const factsFile = () => join(dataDir(), "coordinator.json");
const plant = (text: string) => writeFile(join(coordinator.machine.cwd, "claw-mesh.yaml"), text);

/** Every way in which a command may come to an address without a token of its own. */
const commands = (port: number): readonly (readonly string[])[] => [
  ["status"],
  ["send", "--auto", "hello"],
  ["status", "--coordinator", `http://127.0.0.1:${port}`],
  ["status", "--coordinator", `http://localhost:${port}`],
  ["doctor"],
];

async function runAll(port: number): Promise<void> {
  for (const args of commands(port)) await coordinator.machine.cli(args);
  const joining = coordinator.machine.start(["join", `http://127.0.0.1:${port}`, "--no-gateway"]);
  // A node without a token says so and ends; one with a token would go on trying.
  await Promise.race([joining.exited, Bun.sleep(3_000)]);
  await joining.stop();
}

describe("the admin token of a data directory", () => {
  test("is found with the address by commands beside a coordinator, whatever its port", async () => {
    const { exitCode, stdout, stderr } = await coordinator.machine.cli(["status"]);
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(coordinator.url);
    expect((await stat(factsFile())).mode & 0o777).toBe(0o600);
    expect(await readFile(factsFile(), "utf8")).not.toContain(coordinator.token);
    const named = await coordinator.machine.cli([
      "nodes",
      "--coordinator",
      `http://localhost:${coordinator.port}`,
    ]);
    expect(named.exitCode).toBe(0);
  });

  test("goes to no port that a file of the current directory names", async () => {
    await using other = listen();
    await plant(`coordinator: { port: ${other.port} }\n`);
    expect((await coordinator.machine.cli(["status"])).stdout).toContain(coordinator.url);
    await runAll(other.port);
    expect(other.heard.length).toBeGreaterThan(0);
    expect(other.heard.join()).not.toContain(coordinator.token);
  });

  test.each(["SIGTERM", "SIGKILL"] as const)(
    "goes to nobody at the port of one that ended by %s",
    async (signal) => {
      await coordinator.kill(signal);
      expect(await Bun.file(factsFile()).exists()).toBe(signal === "SIGKILL");
      await using other = listen(coordinator.port);
      await plant(`coordinator: { port: ${other.port} }\n`);
      await runAll(other.port);
      expect(other.heard.length).toBeGreaterThan(0);
      expect(other.heard.join()).not.toContain(coordinator.token);
    },
  );

  test("is not replaced by that of a directory which a file of the current directory names", async () => {
    await using other = listen();
    const decoy = join(coordinator.machine.cwd, "decoy");
    await mkdir(decoy);
    const facts = { scheme: "http", host: "127.0.0.1", port: other.port, pid: process.pid };
    await writeFile(join(decoy, "coordinator.json"), JSON.stringify(facts));
    await writeFile(join(decoy, "token"), "decoy-token\n");
    await writeFile(join(decoy, "lock.pid"), `${process.pid}\n`);
    await plant("coordinator: { data_dir: decoy }\n");
    await coordinator.machine.cli(["send", "--auto", "hello"]);
    expect(other.heard).toEqual([]);
  });
});

describe("a configuration in a folder that all users share", () => {
  test("neither leads commands elsewhere nor sets the token of a coordinator that is started there", async () => {
    await using other = listen();
    const file = join(coordinator.machine.cwd, "claw-mesh.yaml");
    await plant(`coordinator: { port: ${other.port}, token: planted-token }\n`);
    await chmod(file, 0o666);
    const status = await coordinator.machine.cli(["status"]);
    expect(status.stdout).toContain(coordinator.url);
    expect(status.stderr).toBe(
      `Warning: ${file} is passed over: it may be changed by other users (mode 666). If you trust what is in it, name it with --config.\n`,
    );
    await coordinator.kill("SIGTERM");
    await coordinator.restart();
    expect(coordinator.program().stderr()).toContain(`path=${file}`);
    expect(
      (await coordinator.call("GET", "/api/v1/nodes", undefined, { token: "planted-token" })).status,
    ).toBe(401);
    expect(other.heard).toEqual([]);

    const named = await coordinator.machine.cli(["status", "--config", file]);
    expect(named.stderr).toContain("is used as you named it");
  });
});
