import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import packageFile from "../../package.json" with { type: "json" };
import { findFreePort } from "../support/free-port.ts";
import {
  type CoordinatorProcess,
  createTestMesh,
  e2eTimeoutMs,
  type Machine,
  type TestMesh,
} from "../support/mesh-process.ts";

setDefaultTimeout(e2eTimeoutMs);

let mesh: TestMesh;
let coordinator: CoordinatorProcess;
let stranger: Machine;
beforeAll(async () => {
  mesh = await createTestMesh();
  coordinator = await mesh.startCoordinator();
  await mesh.startNode(coordinator, { name: "anna", tags: ["home"] });
  await mesh.startNode(coordinator, { name: "bert", tags: ["work"] });
  stranger = await mesh.createMachine("stranger");
});
afterAll(() => mesh[Symbol.asyncDispose]());

async function json(...args: readonly string[]) {
  const result = await coordinator.cli([...args, "--json"]);
  expect({ args, exitCode: result.exitCode, stderr: result.stderr }).toMatchObject({ exitCode: 0 });
  return result.json();
}

describe("every command gives JSON with stable fields", () => {
  test("version", async () => {
    expect(await json("version")).toMatchObject({ version: packageFile.version });
  });

  test("nodes and status", async () => {
    const nodes = await json("nodes");
    expect(nodes.map(({ name }: { name: string }) => name)).toEqual(["anna", "bert"]);
    expect(Object.keys(nodes[0])).toContain("capabilities");
    expect(JSON.stringify(await json("status"))).toContain("anna");
  });

  test("send", async () => {
    const answer = await json("send", "--node", "anna", "hello");
    expect(answer).toMatchObject({ node_name: "anna", attempts: 1 });
    expect(answer.response).toContain("hello");
    expect(answer.message_id).toMatch(/^task_/);
  });

  test("route add, list, move, remove and explain", async () => {
    const first = await json("route", "add", "--match", "gpu:true", "--target", "anna");
    const second = await json("route", "add", "--match", "*", "--strategy", "round-robin");
    expect(first).toMatchObject({ match: { requires_gpu: true }, target: "anna", origin: "api" });
    await json("route", "move", second.id, "--first");
    const rules = await json("route", "list");
    expect(rules.map(({ id }: { id: string }) => id)).toEqual([second.id, first.id]);
    expect(await json("route", "explain", "hello")).toMatchObject({ outcome: "assigned" });
    await json("route", "remove", "1");
    await json("route", "remove", first.id);
    expect(await json("route", "list")).toEqual([]);
  });

  test("group set, list and remove", async () => {
    expect(await json("group", "set", "all", "--nodes", "anna,bert")).toMatchObject({ name: "all" });
    expect(await json("group", "list")).toMatchObject([{ name: "all", origin: "api" }]);
    await json("group", "remove", "all");
    expect(await json("group", "list")).toEqual([]);
  });

  test("node cordon, drain and uncordon", async () => {
    expect(await json("node", "cordon", "bert")).toMatchObject({ name: "bert", scheduling: "cordoned" });
    expect(await json("node", "uncordon", "bert")).toMatchObject({ scheduling: "active" });
  });

  test("task add, list, show, cancel and retry", async () => {
    const task = await json("task", "add", "--requires", "tag=nowhere", "hello");
    expect(task).toMatchObject({ state: "queued", content: "hello", idempotency_key: expect.any(String) });
    expect(await json("task", "list", "--state", "queued")).toMatchObject([{ id: task.id }]);
    expect(await json("task", "cancel", task.id)).toMatchObject({ id: task.id, state: "cancelled" });
    const again = await json("task", "retry", task.id, "--node", "anna", "--requires", "");
    expect(again).toMatchObject({ retry_of: task.id, target: "anna" });
    expect(await json("task", "watch", again.id)).toMatchObject({ node_name: "anna" });
    expect(await json("task", "show", task.id)).toMatchObject({ retried_as: again.id });
    expect(await json("dead-letter", "list")).toEqual([]);
  });

  test("invite", async () => {
    const invite = await json("invite");
    expect(Object.keys(invite)).toEqual(expect.arrayContaining(["code", "expires_at", "urls"]));
  });

  test("init", async () => {
    const machine = await mesh.createMachine("initialised");
    const written = await machine.cli(["init", "--json"]);
    expect(written.exitCode).toBe(0);
    expect(JSON.stringify(written.json())).toContain("claw-mesh.yaml");
  });

  test("doctor", async () => {
    const report = await json("doctor");
    const text = JSON.stringify(report);
    for (const check of ["configuration", "proxy", "coordinator", "token", "clock", "version", "runtime"]) {
      expect(text).toContain(check);
    }
  });
});

describe("the texts of the classic tool", () => {
  test("stay for those who read them", async () => {
    const sent = await coordinator.cli(["send", "--auto", "hello"]);
    expect(sent.stdout + sent.stderr).toMatch(/Message task_\w+ routed to node node_\w+/);
    expect(sent.stdout).toMatch(/^Response: /m);
    const status = await coordinator.cli(["status"]);
    expect(status.stdout).toContain("Nodes: 2 total (2 online, 0 busy, 0 offline)");
    const empty = await mesh.startCoordinator({ machine: await mesh.createMachine("empty") });
    expect((await empty.cli(["nodes"])).stdout).toContain("No nodes registered.");
  });

  test("stay in the log of coordinator and node", async () => {
    await coordinator.program().waitForLine(/node registered: node_\w+ \(anna\)|node registered.*anna/);
  });
});

describe("init", () => {
  test("writes a file that only its owner reads, and overwrites it only when forced", async () => {
    const machine = await mesh.createMachine("init");
    const first = await machine.cli(["init"]);
    expect(first.exitCode).toBe(0);
    expect(first.stdout).toContain("Config written to");
    const file = join(machine.cwd, "claw-mesh.yaml");
    expect((await Bun.file(file).stat()).mode & 0o777).toBe(0o600);
    const text = await Bun.file(file).text();
    expect(text).toMatch(/9180/);
    expect(text).toMatch(/\b[0-9a-f]{32}\b/);
    const second = await machine.cli(["init"]);
    expect(second.exitCode).toBe(1);
    expect(second.stderr).toContain("already exists (use --force to overwrite)");
    expect(await Bun.file(file).text()).toBe(text);
    expect((await machine.cli(["init", "--force"])).exitCode).toBe(0);
    expect(await Bun.file(file).text()).not.toBe(text);
  });

  test("writes what up can use", async () => {
    const machine = await mesh.createMachine("init-up");
    await machine.cli(["init"]);
    const program = machine.start(["up", "--port", "0", "--no-local"]);
    await program.waitForLine(/coordinator listening on :\d+/);
  });
});

describe("exit codes", () => {
  interface Case {
    readonly what: string;
    readonly args: readonly string[];
    readonly exitCode: number;
    readonly says: RegExp;
  }
  const noTask = ["--requires", "skill=telepathy"];
  const cases: readonly Case[] = [
    { what: "an unknown command", args: ["stauts"], exitCode: 2, says: /status/ },
    { what: "an unknown sub-command", args: ["route", "lst"], exitCode: 2, says: /list/ },
    { what: "an unknown flag", args: ["send", "--atuo", "x"], exitCode: 2, says: /auto/ },
    { what: "a missing target", args: ["send", "x"], exitCode: 2, says: /--node <name> or --auto/ },
    { what: "two targets", args: ["send", "--auto", "--node", "anna", "x"], exitCode: 2, says: /--node/ },
    { what: "a flag without its value", args: ["send", "--auto", "--timeout"], exitCode: 2, says: /timeout/ },
    { what: "a bad duration", args: ["send", "--auto", "--timeout", "soon", "x"], exitCode: 2, says: /soon/ },
    {
      what: "a bad rule",
      args: ["route", "add", "--match", "colour:red", "--target", "x"],
      exitCode: 2,
      says: /colour/,
    },
    {
      what: "a bad requirement",
      args: ["send", "--auto", "--requires", "gpus", "x"],
      exitCode: 2,
      says: /gpu/,
    },
    { what: "an unknown node", args: ["send", "--node", "anne", "x"], exitCode: 5, says: /anne/ },
    { what: "an unknown rule", args: ["route", "remove", "77"], exitCode: 5, says: /77/ },
    { what: "an unknown group", args: ["group", "remove", "nobody"], exitCode: 5, says: /nobody/ },
    { what: "an unknown node to cordon", args: ["node", "cordon", "nobody"], exitCode: 5, says: /nobody/ },
    { what: "a task whose id is none", args: ["task", "show", "task_1"], exitCode: 5, says: /task_1/ },
    {
      what: "an unknown task",
      args: ["task", "watch", `task_${"0".repeat(32)}`],
      exitCode: 5,
      says: /task_0/,
    },
    { what: "a bad priority", args: ["task", "add", "--priority", "10", "x"], exitCode: 2, says: /0 to 9/ },
    { what: "a bad state", args: ["task", "list", "--state", "lost"], exitCode: 2, says: /queued, running/ },
    { what: "a choice of nothing", args: ["dead-letter", "retry"], exitCode: 2, says: /which tasks/ },
    {
      what: "an address that is none",
      args: ["join", "nonsense"],
      exitCode: 2,
      says: /"nonsense" is not an/,
    },
    {
      what: "an empty name",
      args: ["join", "http://a:1", "--name", ""],
      exitCode: 2,
      says: /--name needs a/,
    },
    {
      what: "a message that fits no node",
      args: ["send", "--auto", ...noTask, "x"],
      exitCode: 6,
      says: /telepathy/,
    },
    { what: "a wrong token", args: ["nodes", "--token", "wrong"], exitCode: 4, says: /token/i },
  ];
  for (const { what, args, exitCode, says } of cases) {
    test(`${exitCode} for ${what}`, async () => {
      const result = await coordinator.cli(args);
      expect({ stderr: result.stderr, exitCode: result.exitCode }).toMatchObject({ exitCode });
      expect(result.stderr).toMatch(says);
      expect(result.stdout).toBe("");
      expect(result.stderr).not.toMatch(/^\s+at .+:\d+|\$bunfs/m);
    });
  }

  test("3 when nobody listens at the address, with a hint", async () => {
    const port = await findFreePort();
    const result = await stranger.cli(["nodes", "--coordinator", `http://127.0.0.1:${port}`, "--token", "x"]);
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toContain(String(port));
  });

  test("3 when something else answers at the address", async () => {
    await using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("<html>") });
    const result = await stranger.cli([
      "nodes",
      "--coordinator",
      `http://127.0.0.1:${server.port}`,
      "--token",
      "x",
    ]);
    expect(result.exitCode).toBe(3);
  });

  test("4 without a token on another machine", async () => {
    const result = await stranger.cli(["nodes", "--coordinator", coordinator.url]);
    expect(result.exitCode).toBe(4);
  });

  test("and errors are JSON with --json", async () => {
    const { exitCode, stdout, stderr } = await coordinator.cli(["send", "--json", "--node", "anne", "x"]);
    expect(exitCode).toBe(5);
    const body = JSON.parse(stdout === "" ? stderr : stdout);
    expect(body).toMatchObject({
      code: "NODE_NOT_FOUND",
      error: expect.any(String),
      hint: expect.any(String),
    });
  });
});

describe("output", () => {
  test("has no colours when piped, nor with NO_COLOR", async () => {
    for (const args of [["nodes"], ["status"], ["--help"], ["route", "explain", "hello"]]) {
      const { stdout, stderr } = await coordinator.cli(args, { env: { NO_COLOR: "1" } });
      expect(stdout + stderr).not.toContain("\u001b[");
    }
  });

  test("of --help has examples, for every command", async () => {
    const commands = [
      ...["up", "join", "status", "nodes", "send", "invite", "init", "version", "doctor"].map((name) => [
        name,
      ]),
      ...["list", "add", "remove", "move", "explain"].map((name) => ["route", name]),
      ...["list", "set", "remove"].map((name) => ["group", name]),
      ...["cordon", "uncordon", "drain", "remove"].map((name) => ["node", name]),
    ];
    for (const command of commands) {
      const { exitCode, stdout } = await stranger.cli([...command, "--help"]);
      expect({ command, exitCode }).toEqual({ command, exitCode: 0 });
      expect(stdout).toContain("EXAMPLES");
      expect(stdout).toContain(`claw-mesh ${command.join(" ")}`);
    }
  });

  test("of doctor names a remedy for what is wrong, and exits with 1", async () => {
    const port = await findFreePort();
    const result = await stranger.cli(["doctor", "--coordinator", `http://127.0.0.1:${port}`]);
    expect(result.exitCode).toBe(1);
    expect(result.stdout + result.stderr).toContain("→");
  });
});
