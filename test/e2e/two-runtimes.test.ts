/** The executable as a node with two runtimes. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { type HeldRuntime, startHeldRuntime } from "../support/held-runtime.ts";
import {
  type CoordinatorProcess,
  createTestMesh,
  e2eTimeoutMs,
  type TestMesh,
} from "../support/mesh-process.ts";
import { startOpenaiServer } from "../support/openai-server.ts";

setDefaultTimeout(e2eTimeoutMs);

let mesh: TestMesh;
let coordinator: CoordinatorProcess;
let server: HeldRuntime;

beforeAll(async () => {
  mesh = await createTestMesh();
  coordinator = await mesh.startCoordinator();
  server = startHeldRuntime();
});
afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const send = (...args: readonly string[]) => coordinator.cli(["send", "--json", ...args]);

test("`join --runtime openai,echo` has both, and each answers what needs it", async () => {
  const runtimeArgs = ["--runtime", "openai,echo", "--gateway-endpoint", server.url];
  await mesh.startNode(coordinator, { name: "both", runtimeArgs });
  const ai = send("--node", "both", "--requires", "runtime=openai", "for the AI");
  const run = await server.nextRun();
  expect(run.content).toContain("for the AI");
  // The AI is at work; the echo answers meanwhile.
  const echoed = (await send("--node", "both", "--requires", "runtime=echo", "for the echo")).json();
  expect(echoed.response).toContain("for the echo");
  run.write("thought about");
  run.finish();
  const answered = (await ai).json();
  expect(answered.response).toBe("thought about");

  const [node] = (await coordinator.cli(["nodes", "--json"])).json();
  expect(node.runtimes).toMatchObject([
    { kind: "openai", ready: true, slots: 4 },
    { kind: "echo", ready: true, slots: 4 },
  ]);
  expect(node.slots).toBe(8);
  const shown = (await coordinator.cli(["nodes"])).stdout;
  expect(shown).toMatch(/^both +openai .*ready$/m);
  expect(shown).toMatch(/^both +echo .*ready$/m);
  const task = await coordinator.cli(["task", "show", answered.message_id]);
  expect(task.stdout).toMatch(/both +openai +finished/);
});

describe("the list of the configuration", () => {
  test("gives each runtime its slots, and is not needed whole", async () => {
    await using other = await startOpenaiServer();
    const machine = await mesh.createMachine("listed");
    const file = join(machine.cwd, "claw-mesh.yaml");
    await Bun.write(
      file,
      `node:
  runtimes:
    - { kind: echo, slots: 1 }
    - { kind: openai, endpoint: "${other.url}", slots: 2 }
`,
    );
    const listed = await mesh.startNode(coordinator, { name: "listed", machine, runtimeArgs: [] });
    const nodeNamed = async (name: string) =>
      (await coordinator.cli(["nodes", "--json"]))
        .json()
        .find((node: { name: string }) => node.name === name);
    expect(await nodeNamed("listed")).toMatchObject({
      slots: 3,
      runtimes: [
        { kind: "echo", slots: 1 },
        { kind: "openai", slots: 2 },
      ],
    });
    await listed.kill("SIGTERM");
    await mesh.startNode(coordinator, { name: "listed", machine, runtimeArgs: ["--runtime", "openai"] });
    expect(await nodeNamed("listed")).toMatchObject({ slots: 2, runtimes: [{ kind: "openai", slots: 2 }] });
  });

  test("is what the node of the coordinator's own machine has, too", async () => {
    await using other = await startOpenaiServer();
    const machine = await mesh.createMachine("alone");
    const runtimes = `[{ kind: openai, endpoint: "${other.url}" }, echo]`;
    await Bun.write(join(machine.cwd, "claw-mesh.yaml"), `node: { runtimes: ${runtimes} }\n`);
    const alone = await mesh.startCoordinator({ machine, args: [] });
    await alone.program().waitForLine(/registered as node node_/);
    const [node] = (await alone.cli(["nodes", "--json"])).json();
    expect(node.runtimes.map(({ kind }: { kind: string }) => kind)).toEqual(["openai", "echo"]);
    await alone.kill("SIGTERM");
  });

  test("is refused with its place when a kind is there twice", async () => {
    const machine = await mesh.createMachine("twice");
    await Bun.write(join(machine.cwd, "claw-mesh.yaml"), "node:\n  runtimes: [echo, openai, echo]\n");
    const { exitCode, stderr } = await machine.cli(["join", coordinator.url, "--token", coordinator.token]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/claw-mesh\.yaml:2:28: node\.runtimes\.2\.kind: "echo" is there twice/);
  });
});

test.each([
  [["--runtime", "echo,echo"], "there twice"],
  [["--runtime", "auto,echo"], "stands by itself"],
  [["--runtime", "opencalw"], "is not one of"],
  [["--runtime", "echo", "--runtime-command", "x"], "is for the runtimes acp and command"],
  [["--runtime", "command", "--runtime-command", "'x"], "every quotation ended"],
  [["--runtime", "command"], "needs the program"],
])("%j is refused with what to do", async (flags, said) => {
  const { exitCode, stderr } = await coordinator.machine.cli(["join", coordinator.url, ...flags]);
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(said) });
});
