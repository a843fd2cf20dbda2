import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { findFreePort } from "../support/free-port.ts";
import { createTestMesh, e2eTimeoutMs, type Machine, type TestMesh } from "../support/mesh-process.ts";
import type { CommandResult } from "../support/program.ts";

setDefaultTimeout(e2eTimeoutMs);

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await createTestMesh();
});
afterAll(() => mesh[Symbol.asyncDispose]());

/** An error as a person wants it: one line that says what, perhaps one that says what to do, no trace of the code. */
function expectClearFailure(result: CommandResult, exitCode: number, message: RegExp): void {
  expect({ exitCode: result.exitCode, stderr: result.stderr }).toMatchObject({ exitCode });
  const lines = result.stderr.split("\n").filter((line) => line !== "");
  expect(result.stderr).toMatch(message);
  expect(lines.length).toBeLessThanOrEqual(3);
  expect(result.stderr).not.toMatch(/^\s+at .+:\d+|\bsrc\/|\$bunfs/m);
}

const up = (machine: Machine, ...args: readonly string[]) =>
  machine.cli(["up", "--no-local", ...args], { timeoutMs: 15_000 });

describe("up", () => {
  test("says so when its port is taken", async () => {
    const coordinator = await mesh.startCoordinator({ machine: await mesh.createMachine("holder") });
    const result = await up(await mesh.createMachine("latecomer"), "--port", String(coordinator.port));
    expectClearFailure(result, 1, new RegExp(`\\b${coordinator.port}\\b`));
  });

  test("says so when its data directory cannot be written", async () => {
    const machine = await mesh.createMachine("readonly");
    const blocker = join(machine.home, "a-file");
    await Bun.write(blocker, "not a directory");
    const result = await up(machine, "--port", "0", "--data-dir", join(blocker, "data"));
    expectClearFailure(result, 1, /a-file/);
  });

  test("says file, line and nearest name when its configuration has an unknown key", async () => {
    const machine = await mesh.createMachine("typo");
    await Bun.write(join(machine.cwd, "claw-mesh.yaml"), "coordinator:\n  prot: 9180\n");
    const result = await up(machine);
    expectClearFailure(result, 2, /claw-mesh\.yaml:2/);
    expect(result.stderr).toContain("port");
  });

  test("says file and line when its configuration is not YAML, and names a missing one", async () => {
    const machine = await mesh.createMachine("broken");
    await Bun.write(join(machine.cwd, "claw-mesh.yaml"), "coordinator: { port: [\n");
    expectClearFailure(await up(machine), 2, /claw-mesh\.yaml:\d/);
    const missing = await up(await mesh.createMachine("missing"), "--config", "nowhere.yaml");
    expectClearFailure(missing, 2, /nowhere\.yaml/);
  });

  test("does not take a binary called claw-mesh.yaml, or claw-mesh, for its configuration", async () => {
    const machine = await mesh.createMachine("binary");
    await Bun.write(join(machine.cwd, "claw-mesh"), new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2, 3]));
    const coordinator = await mesh.startCoordinator({ machine });
    expect((await coordinator.call("GET", "/healthz")).status).toBe(200);
  });

  test("is refused while another coordinator uses the data directory, and names it", async () => {
    const coordinator = await mesh.startCoordinator({ machine: await mesh.createMachine("twice") });
    const result = await up(coordinator.machine, "--port", "0");
    expectClearFailure(result, 1, new RegExp(`\\b${coordinator.program().pid}\\b`));
    expect((await coordinator.call("GET", "/healthz")).status).toBe(200);
  });

  test("honours the token that it is given, exactly", async () => {
    const machine = await mesh.createMachine("given");
    const token = "s3cret+with/odd=chars";
    const program = machine.start(["up", "--no-local", "--port", "0", "--token", token]);
    const [, port] = await program.waitForLine(/coordinator listening on :(\d+)/);
    const ask = (value: string) =>
      fetch(`http://127.0.0.1:${port}/api/v1/nodes`, { headers: { authorization: `Bearer ${value}` } });
    expect((await ask(token)).status).toBe(200);
    expect((await ask(`${token}x`)).status).toBe(401);
    expect(program.stdout() + program.stderr()).not.toContain(token);
  });

  test("keeps its own token over a restart", async () => {
    const coordinator = await mesh.startCoordinator({ machine: await mesh.createMachine("same-token") });
    await coordinator.kill("SIGTERM");
    await coordinator.restart();
    expect((await coordinator.call("GET", "/api/v1/nodes")).status).toBe(200);
  });

  test("takes settings from variables, which flags outrank", async () => {
    const machine = await mesh.createMachine("variables");
    const env = { CLAW_MESH_COORDINATOR_PORT: "1", CLAW_MESH_TOKEN: "from-the-environment" };
    const program = machine.start(["up", "--no-local", "--port", "0"], { env });
    const [, port] = await program.waitForLine(/coordinator listening on :(\d+)/);
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/nodes`, {
      headers: { authorization: "Bearer from-the-environment" },
    });
    expect(answer.status).toBe(200);
  });

  test("keeps its files under CLAW_MESH_HOME when told so", async () => {
    const machine = await mesh.createMachine("elsewhere");
    const place = join(machine.home, "other-place");
    const program = machine.start(["up", "--no-local", "--port", "0"], { env: { CLAW_MESH_HOME: place } });
    await program.waitForLine(/coordinator listening on :\d+/);
    expect(await Bun.file(join(place, "mesh.db")).exists()).toBe(true);
    expect(await Bun.file(join(machine.home, ".claw-mesh", "mesh.db")).exists()).toBe(false);
  });
});

describe("the node of this machine", () => {
  test("says goodbye when up is stopped, before the links close", async () => {
    const machine = await mesh.createMachine("leaving");
    const coordinator = await mesh.startCoordinator({ machine, args: ["--local", "echo"] });
    await coordinator.program().waitForLine(/registered as node/);
    expect(await coordinator.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    const log = coordinator.program().stderr();
    expect(log).toMatch(/node deregistered: .*the coordinator on this machine stops/);
    expect(log).not.toContain("link lost");
  });
});

describe("join", () => {
  test("keeps trying while nobody answers, and says so", async () => {
    const machine = await mesh.createMachine("early");
    const coordinator = await mesh.startCoordinator({ machine: await mesh.createMachine("late") });
    await coordinator.kill("SIGTERM");
    const program = machine.start(["join", coordinator.url, "--no-gateway", "--token", coordinator.token]);
    await program.waitForLine(/not reached|unreachable|cannot reach|keeps trying/i);
    await coordinator.restart();
    await program.waitForLine(/registered as node node_/);
  });

  test("says so when the token is wrong, and ends with 4", async () => {
    const coordinator = await mesh.startCoordinator({ machine: await mesh.createMachine("guarded") });
    const machine = await mesh.createMachine("stranger");
    const result = await machine.cli(["join", coordinator.url, "--no-gateway", "--token", "wrong"]);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toMatch(/token/i);
  });

  test("ends by SIGTERM while it is still waiting for the coordinator", async () => {
    const machine = await mesh.createMachine("impatient");
    const port = await findFreePort();
    const program = machine.start(["join", `http://127.0.0.1:${port}`, "--no-gateway", "--token", "x"]);
    await program.waitForLine(/joining mesh/);
    program.kill("SIGTERM");
    expect(await Promise.race([program.exited, Bun.sleep(5_000)])).toEqual({ code: 0, signal: null });
  });

  test("asks for an address that is one", async () => {
    const machine = await mesh.createMachine("lost");
    const result = await machine.cli(["join", "not an address", "--no-gateway"]);
    expect(result.exitCode).toBe(2);
  });
});
