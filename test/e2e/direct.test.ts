import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { startClassicCoordinator } from "../support/classic-coordinator.ts";
import { startHeldRuntime } from "../support/held-runtime.ts";
import {
  type CoordinatorProcess,
  createTestMesh,
  e2eTimeoutMs,
  type TestMesh,
} from "../support/mesh-process.ts";

setDefaultTimeout(e2eTimeoutMs);

const listen = ["--listen", "127.0.0.1:0"];

describe("the direct transport, with real processes", () => {
  let mesh: TestMesh;
  let coordinator: CoordinatorProcess;

  beforeAll(async () => {
    mesh = await createTestMesh();
    coordinator = await mesh.startCoordinator({ args: ["--no-local", "--allow-private"] });
  });
  afterAll(() => mesh[Symbol.asyncDispose]());

  test("join --listen makes a node that is called, and leaves with SIGTERM", async () => {
    const node = await mesh.startNode(coordinator, { name: "called", args: listen });
    const [, port] = await node.program().waitForLine(/node handler listening on :(\d+)/);
    const nodes = await coordinator.call("GET", "/api/v1/nodes");
    expect(nodes.body).toMatchObject([
      { name: "called", transport: "direct", endpoint: `127.0.0.1:${port}`, runtimes: [{ kind: "echo" }] },
    ]);
    const answer = await coordinator.call("POST", "/api/v1/route", { content: "hello" });
    expect(answer.body.response).toContain("hello");
    await node.kill("SIGTERM");
    expect(node.program().stderr()).toMatch(/deregistered node node_/);
    expect((await coordinator.call("GET", "/api/v1/nodes")).body).toEqual([]);
  });

  test("a safe message moves to a link node when the called node is killed, and back to it after its restart", async () => {
    await using held = startHeldRuntime();
    const called = await mesh.startNode(coordinator, { name: "a-called", openaiUrl: held.url, args: listen });
    const answer = coordinator.call("POST", "/api/v1/route", { content: "work", effects: "safe" });
    await held.nextRun();
    const linked = await mesh.startNode(coordinator, { name: "b-linked", openaiUrl: held.url });
    await called.kill("SIGKILL");
    const second = await held.nextRun();
    second.write("done");
    second.finish();
    expect((await answer).body).toMatchObject({ response: "done", node_name: "b-linked", attempts: 2 });
    await linked.kill("SIGTERM");
    await called.restart();
    const again = coordinator.call("POST", "/api/v1/route", { content: "more" });
    const third = await held.nextRun();
    third.write("again");
    third.finish();
    expect((await again).body).toMatchObject({ response: "again", node_name: "a-called" });
    await called.kill("SIGTERM");
  });

  test("a killed coordinator has its node back within seconds", async () => {
    const node = await mesh.startNode(coordinator, { name: "called", args: listen });
    await coordinator.kill("SIGKILL");
    await coordinator.restart();
    const begun = performance.now();
    const answer = await coordinator.call("POST", "/api/v1/route", { content: "after" });
    expect(answer.body).toMatchObject({ node_name: "called" });
    expect(performance.now() - begun).toBeLessThan(5_000);
    await node.kill("SIGTERM");
  });

  test("a private endpoint is refused without --allow-private, and the hint says what to do", async () => {
    const strict = await mesh.startCoordinator({ machine: await mesh.createMachine("strict") });
    const machine = await mesh.createMachine("refused");
    const join = ["join", strict.url, "--name", "n", "--token", strict.token, "--no-gateway", ...listen];
    const result = await machine.cli(join);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain("--allow-private");
  });

  test("join falls back to being called when the coordinator is a classic one, and says which port it needs", async () => {
    await using classic = startClassicCoordinator();
    const machine = await mesh.createMachine("classic");
    const program = machine.start([
      ...["join", classic.url, "--name", "n", "--token", classic.token, "--no-gateway"],
    ]);
    await program.waitForLine(/port 9121/);
    await program.waitForLine(/registered as node node-[0-9a-f]{16}/);
    const [member] = classic.members();
    if (member === undefined) throw new Error("not registered");
    const answer = await classic.forward(member, "hello");
    expect(answer).toMatchObject({ status: 200, body: { response: expect.stringContaining("hello") } });
    expect((await program.stop("SIGTERM")).code).toBe(0);
    expect(classic.members()).toEqual([]);
  });
});
