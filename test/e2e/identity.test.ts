import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import {
  type CoordinatorProcess,
  createTestMesh,
  e2eTimeoutMs,
  type Machine,
  type TestMesh,
} from "../support/mesh-process.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(e2eTimeoutMs);

let mesh: TestMesh;
let coordinator: CoordinatorProcess;
beforeAll(async () => {
  mesh = await createTestMesh();
  coordinator = await mesh.startCoordinator();
});
afterAll(() => mesh[Symbol.asyncDispose]());

async function nodeInfo(name: string) {
  return (await coordinator.call("GET", `/api/v1/nodes/${name}`)).body;
}

async function identityFile(machine: Machine, name: string): Promise<string> {
  const pattern = new Bun.Glob(`nodes/*/${name}/node.json`);
  const [file] = await Array.fromAsync(
    pattern.scan({ cwd: join(machine.home, ".claw-mesh"), absolute: true }),
  );
  if (file === undefined) throw new Error(`${name} has no identity file`);
  return file;
}

function joinArgs(name: string): readonly string[] {
  return ["join", coordinator.url, "--name", name, "--no-gateway", "--token", coordinator.token];
}

describe("a node that comes back", () => {
  test("keeps its id, name and history after a clean stop, and after kill -9", async () => {
    const node = await mesh.startNode(coordinator, { name: "steady", tags: ["one"] });
    const before = await nodeInfo("steady");
    await node.kill("SIGTERM");
    await node.restart();
    await node.kill("SIGKILL");
    await node.restart();
    const after = await nodeInfo("steady");
    expect(after.id).toBe(before.id);
    expect(after.joined_at).toBe(before.joined_at);
    expect(after.capabilities.tags).toEqual(["one"]);
  });

  test("brings other tags with it, and keeps the operator's edits", async () => {
    const machine = await mesh.createMachine("tagged");
    const first = await mesh.startNode(coordinator, { name: "tagged", tags: ["red"], machine });
    const { id } = await nodeInfo("tagged");
    await coordinator.call("PATCH", "/api/v1/nodes/tagged", { add_tags: ["operator"] });
    await first.kill("SIGTERM");
    await mesh.startNode(coordinator, { name: "tagged", tags: ["blue"], machine });
    const after = await nodeInfo("tagged");
    expect(after.id).toBe(id);
    expect([...after.capabilities.tags].sort()).toEqual(["blue", "operator"]);
  });

  test("is gone from the list after goodbye, or offline, and never gets a message", async () => {
    const node = await mesh.startNode(coordinator, { name: "ghost" });
    await node.kill("SIGKILL");
    await until("offline", async () => (await nodeInfo("ghost")).status === "offline", 2_000);
    const { status, body } = await coordinator.call("POST", "/api/v1/route/ghost", { content: "boo" });
    expect({ status, code: body.code }).toEqual({ status: 502, code: "NODE_OFFLINE" });
  });
});

describe("one name", () => {
  test("is refused to a second agent on the same machine, which names the first's process", async () => {
    const node = await mesh.startNode(coordinator, { name: "locked" });
    const second = await node.machine.cli(
      ["join", coordinator.url, "--name", "locked", "--no-gateway", "--token", coordinator.token],
      { timeoutMs: 10_000 },
    );
    expect(second.exitCode).toBe(1);
    expect(second.stderr).toContain(String(node.program().pid));
    expect((await nodeInfo("locked")).status).toBe("online");
  });

  test("is refused to another machine, in whatever case, while the first keeps it", async () => {
    await mesh.startNode(coordinator, { name: "Claimed" });
    const { id } = await nodeInfo("Claimed");
    const other = await mesh.createMachine("claimant");
    const refused = await other.cli(joinArgs("claimed"));
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("--name");
    const nodes = (await coordinator.call("GET", "/api/v1/nodes")).body;
    const claimed = nodes.filter(({ name }: { name: string }) => name.toLowerCase() === "claimed");
    expect(claimed).toMatchObject([{ id, status: "online" }]);
  });

  test("stays with a node that is offline: a machine without its identity is told that it is taken", async () => {
    const node = await mesh.startNode(coordinator, { name: "away" });
    await node.kill("SIGKILL");
    await until("offline", async () => (await nodeInfo("away")).status === "offline", 2_000);
    const refused = await (await mesh.createMachine("usurper")).cli([...joinArgs("away"), "--json"]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('"NAME_TAKEN"');
    expect(refused.stderr).toContain("Choose another --name");
  });

  test("of a group is refused to a node, and the name of a node to a group", async () => {
    await coordinator.call("PUT", "/api/v1/groups/crowd", { nodes: ["steady"] });
    const refused = await (await mesh.createMachine("crowd")).cli(joinArgs("crowd"));
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("crowd");
    const group = await coordinator.call("PUT", "/api/v1/groups/Steady", { nodes: ["crowd"] });
    expect(group).toMatchObject({ status: 409, body: { code: "NAME_TAKEN" } });
  });
});

describe("a node's token", () => {
  test("is kept 0600, and opens nothing but that node's own routes", async () => {
    const node = await mesh.startNode(coordinator, { name: "owner" });
    await mesh.startNode(coordinator, { name: "neighbour" });
    const file = Bun.file(await identityFile(node.machine, "owner"));
    expect((await file.stat()).mode & 0o777).toBe(0o600);
    const { token } = (await file.json()) as { token: string };
    expect(token).not.toBe(coordinator.token);
    const own = { token };
    expect((await coordinator.call("GET", "/api/v1/nodes/owner", undefined, own)).status).toBe(200);
    for (const [method, path, body] of [
      ["GET", "/api/v1/nodes", undefined],
      ["GET", "/api/v1/nodes/neighbour", undefined],
      ["DELETE", "/api/v1/nodes/neighbour", undefined],
      ["PATCH", "/api/v1/nodes/owner", { scheduling: "cordoned" }],
      ["POST", "/api/v1/route", { content: "x" }],
      ["GET", "/api/v1/rules", undefined],
      ["POST", "/api/v1/invites", {}],
    ] as const) {
      const answer = await coordinator.call(method, path, body, own);
      expect({ path, status: answer.status, code: answer.body.code }).toEqual({
        path,
        status: 403,
        code: "SCOPE_MISSING",
      });
    }
    const database = await Bun.file(join(coordinator.machine.home, ".claw-mesh", "mesh.db")).bytes();
    expect(Buffer.from(database).includes(token)).toBe(false);
  });

  test("is void when the node was removed", async () => {
    const node = await mesh.startNode(coordinator, { name: "removed" });
    const { token } = (await Bun.file(await identityFile(node.machine, "removed")).json()) as {
      token: string;
    };
    const { exitCode } = await coordinator.cli(["node", "remove", "removed"]);
    expect(exitCode).toBe(0);
    const answer = await coordinator.call("GET", "/api/v1/nodes/removed", undefined, { token });
    expect(answer).toMatchObject({ status: 401, body: { code: "TOKEN_INVALID" } });
  });
});

describe("an invite", () => {
  test("lets one machine join, once", async () => {
    const invite = (await coordinator.call("POST", "/api/v1/invites", {})).body;
    const join = (name: string, machine: Machine) =>
      machine.start(["join", coordinator.url, "--name", name, "--no-gateway", "--token", invite.code]);
    const first = join("invited", await mesh.createMachine("invited"));
    await first.waitForLine(/registered as node node_/);
    const machine = await mesh.createMachine("uninvited");
    const second = await machine.cli([
      "join",
      coordinator.url,
      ...["--name", "uninvited", "--no-gateway", "--token", invite.code],
    ]);
    expect(second.exitCode).toBe(4);
    expect(second.stderr).toContain("the invite is unknown, used up or expired");
    expect(second.stderr).toContain("claw-mesh invite");
    const answer = await coordinator.call("GET", "/api/v1/nodes/uninvited");
    expect(answer.body.code).toBe("NODE_NOT_FOUND");
  });

  test("is not needed again by the machine that used it", async () => {
    const printed = await coordinator.cli(["invite", "--json"]);
    const { code } = printed.json();
    const machine = await mesh.createMachine("guest");
    const args = ["join", coordinator.url, "--name", "guest", "--no-gateway", "--token", code];
    const first = machine.start(args);
    await first.waitForLine(/registered as node node_/);
    await first.stop();
    const again = machine.start(args);
    await again.waitForLine(/registered as node node_/);
  });

  test("opens nothing else", async () => {
    const { code } = (await coordinator.call("POST", "/api/v1/invites", {})).body;
    const answer = await coordinator.call("GET", "/api/v1/nodes", undefined, { token: code });
    expect([401, 403]).toContain(answer.status);
  });
});
