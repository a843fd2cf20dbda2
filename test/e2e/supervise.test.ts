import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readProcessStart } from "../../src/platform/process-identity.ts";
import {
  type CoordinatorProcess,
  createTestMesh,
  e2eTimeoutMs,
  type Machine,
  type NodeProcess,
  type TestMesh,
} from "../support/mesh-process.ts";
import { type FakeProvider, startFakeProvider } from "../support/openclaw/fake-provider.ts";
import { until } from "../support/until.ts";
import { createZeroclawHome, providerKey, type ZeroclawHome } from "../support/zeroclaw/home.ts";

setDefaultTimeout(e2eTimeoutMs);

describe("join --supervise", () => {
  let mesh: TestMesh;
  let coordinator: CoordinatorProcess;
  let provider: FakeProvider;
  let zeroclaw: ZeroclawHome;
  let machine: Machine;
  let node: NodeProcess;
  beforeAll(async () => {
    mesh = await createTestMesh();
    coordinator = await mesh.startCoordinator();
    provider = startFakeProvider();
    zeroclaw = await createZeroclawHome();
    await zeroclaw.setUp(provider.baseUrl);
    machine = await mesh.createMachine("supervised", zeroclaw.env);
    node = await mesh.startNode(coordinator, {
      name: "claw",
      machine,
      runtimeArgs: ["--runtime", "zeroclaw", "--supervise"],
    });
  });
  afterAll(async () => {
    await machine.cli(["runtime", "stop", "zeroclaw"]);
    await mesh[Symbol.asyncDispose]();
    await provider[Symbol.asyncDispose]();
    await zeroclaw[Symbol.asyncDispose]();
  });

  const describeRuntime = async () => {
    const { json } = await coordinator.cli(["nodes", "--json"]);
    const found = json().find(({ name }: { name: string }) => name === "claw");
    return found.runtimes.find(({ kind }: { kind: string }) => kind === "zeroclaw");
  };
  const send = (content: string) => coordinator.call("POST", "/api/v1/route/claw", { content });
  const gatewayPid = async (): Promise<number> =>
    JSON.parse(await readFile(join(zeroclaw.dataDir, "runtimes", "zeroclaw", "gateway.json"), "utf8")).pid;

  test("starts the gateway, and the node answers", async () => {
    expect(await describeRuntime()).toMatchObject({
      ready: true,
      supervision: { state: "running", restarts: 0, next_start_at: null },
    });
    expect((await send("hello")).body).toMatchObject({ node_name: "claw", response: "answer to: hello" });
  });

  test("of a node that cannot trust its coordinator starts nothing", async () => {
    await using other = await createZeroclawHome();
    await other.setUp(provider.baseUrl);
    const stranger = await mesh.createMachine("stranger", other.env);
    await writeFile(join(other.home, "ca.pem"), "no certificate\n");
    const flags = ["--runtime", "zeroclaw", "--supervise", "--ca", join(other.home, "ca.pem")];
    const joined = await stranger.cli(["join", "https://127.0.0.1:9", "--token", "x".repeat(40), ...flags]);
    expect(joined.exitCode).not.toBe(0);
    expect(joined.stderr).toContain("ca.pem");
    expect(await other.starts()).toBe(0);
  });

  test("starts it again after kill -9: it answers, and the list of nodes tells", async () => {
    const killed = await gatewayPid();
    process.kill(killed, "SIGKILL");
    await until("a gateway that was started again", async () => {
      const { ready, supervision } = await describeRuntime();
      return ready && supervision.state === "running" && supervision.restarts === 1;
    });
    expect((await describeRuntime()).supervision).toMatchObject({ detail: "it ended with SIGKILL" });
    expect((await send("still there?")).body).toMatchObject({ response: "answer to: still there?" });
  });

  test("shows its log, starts it once, and has no key in any of it", async () => {
    const logs = await machine.cli(["runtime", "logs", "zeroclaw"]);
    expect(logs).toMatchObject({ exitCode: 0 });
    expect(logs.stdout).toContain("ZeroClaw Gateway listening");
    const started = await machine.cli(["runtime", "start", "zeroclaw", "--json"]);
    expect(started.json()).toMatchObject({ state: "already_running", pid: await gatewayPid() });
    const said = node.program().stdout() + node.program().stderr() + logs.stdout + started.stdout;
    expect(said).not.toContain(providerKey);
  });

  test("leaves a gateway down that was stopped, until it is started", async () => {
    expect(await machine.cli(["runtime", "stop", "zeroclaw"])).toMatchObject({ exitCode: 0 });
    await until(
      "the stop in the list",
      async () => (await describeRuntime()).supervision.state === "stopped",
    );
    expect(await machine.cli(["runtime", "start", "zeroclaw"])).toMatchObject({ exitCode: 0 });
    await until("the start in the list", async () => {
      const { ready, supervision } = await describeRuntime();
      return ready && supervision.state === "running";
    });
  });

  test("takes over after kill -9 of the agent, and ends the gateway with it at last", async () => {
    const running = await gatewayPid();
    const starts = await zeroclaw.starts();
    await node.kill("SIGKILL");
    expect(readProcessStart(running)).not.toBeNull();
    await node.restart();
    await until("the node with its gateway", async () => (await describeRuntime())?.ready === true);
    expect(await gatewayPid()).toBe(running);
    expect(await zeroclaw.starts()).toBe(starts);
    await node.kill("SIGTERM");
    expect(readProcessStart(running)).toBeNull();
  });
});

describe("the commands of a gateway", () => {
  test("say in one line what is missing", async () => {
    await using mesh = await createTestMesh();
    const machine = await mesh.createMachine("bare");
    const start = await machine.cli(["runtime", "start", "openclaw"]);
    expect(start.stderr).toContain("openclaw is not installed on this machine.");
    expect(start.stderr).toContain("claw-mesh runtime install openclaw");
    expect((await machine.cli(["runtime", "stop", "openclaw"])).stderr).toContain("No gateway of openclaw");
    expect((await machine.cli(["runtime", "logs", "zeroclaw"])).stderr).toContain(
      "claw-mesh runtime start zeroclaw",
    );
    expect((await machine.cli(["runtime", "start", "ollama"])).stderr).toContain('"ollama" has no gateway');
  });
});
