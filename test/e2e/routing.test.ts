import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  type CoordinatorProcess,
  createTestMesh,
  e2eTimeoutMs,
  type NodeProcess,
  type TestMesh,
} from "../support/mesh-process.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(e2eTimeoutMs);

let mesh: TestMesh;
let coordinator: CoordinatorProcess;
let nodes: readonly NodeProcess[];

beforeAll(async () => {
  mesh = await createTestMesh();
  coordinator = await mesh.startCoordinator();
  nodes = await Promise.all([
    mesh.startNode(coordinator, { name: "mac-mini", tags: ["xcode", "home"] }),
    mesh.startNode(coordinator, { name: "gpu-box", tags: ["gpu", "cuda"] }),
    mesh.startNode(coordinator, { name: "plain", tags: ["quiet"] }),
  ]);
});
afterAll(() => mesh[Symbol.asyncDispose]());

/** Sends by the command line and gives the machine-readable answer. */
async function send(...args: readonly string[]) {
  const result = await coordinator.cli(["send", "--json", "--explain", ...args]);
  expect({ exitCode: result.exitCode, stderr: result.stderr }).toMatchObject({ exitCode: 0 });
  return result.json();
}

async function removeAllRules(): Promise<void> {
  const { body } = await coordinator.call("GET", "/api/v1/rules");
  for (const rule of body) await coordinator.call("DELETE", `/api/v1/rules/${rule.id}`);
}

describe("three nodes with different abilities", () => {
  test("get the messages that name what they have", async () => {
    const xcode = await send("--auto", "Build the app with Xcode and run its tests");
    expect(xcode.node_name).toBe("mac-mini");
    const cuda = await send("--auto", "Why does this CUDA kernel not compile?");
    expect(cuda.node_name).toBe("gpu-box");
    const chinese = await send("--auto", "用显卡训练一个小模型");
    expect(chinese.node_name).toBe("gpu-box");
    const neither = await send("--auto", "Write a poem about the sea");
    expect(neither.response).toContain("Write a poem about the sea");
    expect(neither.decision.inferred).toEqual([]);
  });

  test("spread messages that need nothing", async () => {
    await coordinator.call("POST", "/api/v1/rules", { match: { wildcard: true }, strategy: "round-robin" });
    const names = new Set<string>();
    for (let index = 0; index < 3; index += 1) names.add((await send("--auto", "Write a poem")).node_name);
    expect([...names].sort()).toEqual(["gpu-box", "mac-mini", "plain"]);
    await removeAllRules();
  });

  test("say with --explain which node, which need, and why", async () => {
    const { stdout, stderr, exitCode } = await coordinator.cli([
      "send",
      "--auto",
      "--explain",
      "Open it in Xcode",
    ]);
    expect(exitCode).toBe(0);
    const shown = stdout + stderr;
    expect(shown).toContain("mac-mini");
    expect(shown).toContain("xcode");
    const explained = await coordinator.cli(["route", "explain", "--json", "Open it in Xcode"]);
    const decision = explained.json();
    expect(decision.outcome).toBe("assigned");
    expect(decision.ranking[0].name).toBe("mac-mini");
    expect(decision.inferred.map(({ because }: { because: string }) => because.toLowerCase())).toContain(
      "xcode",
    );
  });

  test("explain without sending anything", async () => {
    const before = await send("--node", "plain", "count me");
    const { exitCode } = await coordinator.cli(["route", "explain", "Never to be sent"]);
    expect(exitCode).toBe(0);
    const after = await coordinator.call("GET", `/api/v1/tasks/${before.message_id}`);
    expect(after.body.state).toBe("succeeded");
    const { body } = await coordinator.call("GET", "/api/v1/nodes/plain");
    expect(body.in_flight).toBe(0);
  });

  test("keep the stored decision beside the task", async () => {
    const answer = await send("--auto", "Archive it with Xcode");
    const stored = await coordinator.call("GET", `/api/v1/tasks/${answer.message_id}/decision`);
    expect(stored.status).toBe(200);
    expect(stored.body.ranking[0].name).toBe("mac-mini");
  });

  test("are chosen by hard requirements, whatever the text says", async () => {
    const answer = await send("--auto", "--requires", "tag=quiet", "Build it with Xcode");
    expect(answer.node_name).toBe("plain");
  });

  test("refuse with exit code 6 what none of them can do, and say what would help", async () => {
    const failed = await coordinator.cli(["send", "--auto", "--requires", "skill=quantum-annealer", "hello"]);
    expect(failed.exitCode).toBe(6);
    expect(failed.stderr).toContain("quantum-annealer");
    const answer = await coordinator.call("POST", "/api/v1/route", {
      content: "hello",
      requires: { skills: ["quantum-annealer"] },
    });
    expect(answer.status).toBe(503);
    expect(answer.body.code).toBe("NO_NODE_FITS");
    expect(JSON.stringify(answer.body.details.decision.unblock)).toContain("quantum-annealer");
  });

  test("keep the messages of one session together", async () => {
    const first = await send("--auto", "--session", "trip", "Plan a trip");
    for (let index = 0; index < 4; index += 1) {
      expect((await send("--auto", "--session", "trip", `Day ${index}`)).node_name).toBe(first.node_name);
    }
  });
});

describe("rules and groups", () => {
  test("change where messages go, in their order", async () => {
    await removeAllRules();
    const added = await coordinator.cli([
      "route",
      "add",
      "--match",
      "content:/poem/i",
      "--target",
      "mac-mini",
    ]);
    expect(added.stdout).toMatch(/Rule added: rule_[0-9a-f]{32}/);
    const poem = await send("--auto", "Write a poem about the sea");
    expect(poem.node_name).toBe("mac-mini");
    expect(poem.decision.rule.target).toBe("mac-mini");

    await coordinator.cli(["route", "add", "--match", "content:/sea/i", "--target", "plain"]);
    expect((await send("--auto", "Write a poem about the sea")).node_name).toBe("mac-mini");
    const moved = await coordinator.cli(["route", "move", "2", "--first"]);
    expect(moved.exitCode).toBe(0);
    expect((await send("--auto", "Write a poem about the sea")).node_name).toBe("plain");
    await removeAllRules();
  });

  test("send GPU work to the GPU machine, and nothing else", async () => {
    await coordinator.cli(["route", "add", "--match", "gpu:true", "--target", "plain,gpu-box"]);
    expect((await send("--auto", "Train a model on the GPU")).node_name).toBe("gpu-box");
    const other = await send("--auto", "Write a poem about the sea");
    expect(other.decision.rule).toBeNull();
    await removeAllRules();
  });

  test("take a group for a target, by list and by what nodes have", async () => {
    expect((await coordinator.cli(["group", "set", "desk", "--nodes", "plain"])).exitCode).toBe(0);
    expect((await coordinator.cli(["group", "set", "makers", "--match", "skill=xcode"])).exitCode).toBe(0);
    expect((await send("--group", "desk", "hello")).node_name).toBe("plain");
    expect((await send("--group", "makers", "hello")).node_name).toBe("mac-mini");
    await coordinator.cli(["route", "add", "--match", "source:desk-*", "--target", "desk"]);
    expect((await send("--auto", "--source", "desk-7", "hello")).node_name).toBe("plain");
    await removeAllRules();
  });

  test("give no new work to a cordoned node", async () => {
    expect((await coordinator.cli(["node", "cordon", "mac-mini"])).exitCode).toBe(0);
    const answer = await send("--auto", "Build it with Xcode");
    expect(answer.node_name).not.toBe("mac-mini");
    const { named } = answer.decision.refused;
    expect(named).toContainEqual(expect.objectContaining({ name: "mac-mini", reason: "cordoned" }));
    expect((await coordinator.cli(["node", "uncordon", "mac-mini"])).exitCode).toBe(0);
    expect((await send("--auto", "Build it with Xcode")).node_name).toBe("mac-mini");
  });

  test("and node ids stay after a restart of the coordinator", async () => {
    await coordinator.cli(["route", "add", "--match", "content:/poem/i", "--target", "mac-mini"]);
    await coordinator.cli(["group", "set", "kept", "--nodes", "plain,gpu-box"]);
    const before = (await coordinator.call("GET", "/api/v1/nodes")).body;
    const rules = (await coordinator.call("GET", "/api/v1/rules")).body;
    const groups = (await coordinator.call("GET", "/api/v1/groups")).body;

    expect(await coordinator.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    const restartedAtMs = performance.now();
    await coordinator.restart();
    await Promise.all(nodes.map((node) => node.program().waitForLine(/re-registered as node node_/)));
    expect(performance.now() - restartedAtMs).toBeLessThan(4_000);

    const after = await until("three nodes online", async () => {
      const { body } = await coordinator.call("GET", "/api/v1/nodes");
      return body.every(({ status }: { status: string }) => status === "online") ? body : null;
    });
    const identity = ({
      id,
      name,
      capabilities,
    }: {
      id: string;
      name: string;
      capabilities: { tags: unknown };
    }) => ({
      id,
      name,
      tags: capabilities.tags,
    });
    expect(after.map(identity)).toEqual(before.map(identity));
    expect((await coordinator.call("GET", "/api/v1/rules")).body).toEqual(rules);
    expect((await coordinator.call("GET", "/api/v1/groups")).body).toEqual(groups);
    expect((await send("--auto", "Write a poem about the sea")).node_name).toBe("mac-mini");
    await removeAllRules();
  });
});

describe("the configuration file", () => {
  test("gives rules that come first and cannot be changed over the API", async () => {
    const machine = await mesh.createMachine("configured");
    const file = `${machine.cwd}/claw-mesh.yaml`;
    await Bun.write(
      file,
      [
        "coordinator: { port: 9180 }",
        "rules:",
        "  - { match: { content: [poem] }, target: poet }",
        "groups: { writers: { nodes: [poet] } }",
        "",
      ].join("\n"),
    );
    const configured = await mesh.startCoordinator({ machine });
    await mesh.startNode(configured, { name: "poet" });
    await mesh.startNode(configured, { name: "other" });
    await configured.cli(["route", "add", "--match", "content:/poem/i", "--target", "other"]);
    const rules = (await configured.call("GET", "/api/v1/rules")).body;
    expect(rules.map(({ origin }: { origin: string }) => origin)).toEqual(["config", "api"]);
    const answer = await configured.cli(["send", "--json", "--auto", "A poem, please"]);
    expect(answer.json().node_name).toBe("poet");
    const removed = await configured.call("DELETE", `/api/v1/rules/${rules[0].id}`);
    expect(removed).toMatchObject({ status: 409, body: { code: "RULE_READ_ONLY" } });
    const group = await configured.call("DELETE", "/api/v1/groups/writers");
    expect(group).toMatchObject({ status: 409, body: { code: "GROUP_READ_ONLY" } });
  });
});
