import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  type CoordinatorProcess,
  createTestMesh,
  e2eTimeoutMs,
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

const run = (...args: readonly string[]) => coordinator.cli(args);
const as = (token: string, ...args: readonly string[]) => coordinator.cli([...args, "--token", token]);

async function json(...args: readonly string[]) {
  const result = await run(...args, "--json");
  expect([result.exitCode, result.stderr]).toEqual([0, ""]);
  return result.json();
}

describe("token", () => {
  test("create shows it once, and what it means; list and the others do not", async () => {
    const made = await run("token", "create", "ci", "--scope", "send,read", "--rate", "600", "--ttl", "30d");
    expect(made.exitCode).toBe(0);
    const token = /cmt_[0-9a-f]{40}/.exec(made.stdout)?.[0] ?? "";
    expect(made.stdout).toContain("only time it is shown");
    expect(made.stderr).toContain("run code");
    const list = await run("token", "list");
    expect(list.stdout).toContain("ci");
    expect(list.stdout).toContain(token.slice(0, 12));
    expect(list.stdout).not.toContain(token);
    expect((await json("token", "list")).tokens).toMatchObject([
      { name: "ci", scopes: ["send", "read"], rate_per_minute: 600, untrusted: false },
    ]);
    expect((await as(token, "nodes")).exitCode).toBe(0);
    expect((await as(token, "token", "list")).exitCode).toBe(4);
  });

  test("rotate and revoke make the text before void", async () => {
    const first = (await json("token", "create", "turning", "--scope", "read")).token;
    const second = (await json("token", "rotate", "turning")).token;
    expect((await as(first, "nodes")).exitCode).toBe(4);
    expect((await as(second, "nodes")).exitCode).toBe(0);
    expect(await json("token", "revoke", "turning")).toEqual({ revoked: "turning" });
    const refused = await as(second, "nodes");
    expect([refused.exitCode, refused.stderr]).toEqual([4, expect.stringContaining("revoked")]);
    expect((await run("token", "revoke", "turning")).exitCode).toBe(5);
  });

  test.each([
    [["token", "create", "x"], 2, "--scope"],
    [["token", "create", "x", "--scope", "reed"], 2, 'did you mean "read"'],
    [["token", "create", "x", "--scope", ","], 2, "is empty"],
    [["token", "create", "x", "--scope", "read", "--ttl", "1s"], 2, "10s at least"],
    [["token", "create", "x", "--scope", "read", "--rate", "0"], 2, "--rate"],
    [["token", "create", "x", "--scope", "send", "--groups", "nobody"], 5, "nobody"],
    [["token", "revoke", "nobody"], 5, "nobody"],
    [["token", "rotate", "nobody"], 5, "nobody"],
    [["invite", "--name", "x", "--uses", "2"], 2, "--name"],
    [["invite", "--uses", "0"], 2, "--uses"],
    [["invite", "--group", "nobody"], 5, "nobody"],
    [["invite", "revoke", "nobody"], 5, "nobody"],
  ] as const)("%j ends with %i", async (args, exitCode, reason) => {
    const result = await run(...args);
    expect(result.stderr).toContain(reason);
    expect(result.exitCode).toBe(exitCode);
  });
});

describe("invite", () => {
  test("alone, with flags and with its own name makes one; list and revoke know it", async () => {
    for (const words of [["invite"], ["invite", "create"]]) {
      const printed = await run(...words, "--ttl", "10m");
      expect(printed.stdout).toMatch(/claw-mesh join http:\S+ --token cmi_[0-9a-f]{32}/);
    }
    const { invites } = await json("invite", "list");
    expect(invites).toHaveLength(2);
    for (const { id } of invites) await json("invite", "revoke", id);
    expect((await run("invite", "list")).stdout).toContain("No invites are open.");
  });

  test("prints a line that joins as it says, with tags and groups", async () => {
    await json("group", "set", "training", "--nodes", "somebody");
    const flags = [
      "--name",
      "gpu-box",
      "--tags",
      "red,big",
      "--group",
      "training",
      "--ttl",
      "1h",
      "--uses",
      "1",
    ];
    const printed = await run("invite", ...flags);
    const [, line = ""] =
      /claw-mesh (join http:\S+ --token cmi_\S+ --name gpu-box)/.exec(printed.stdout) ?? [];
    const words = line.split(" ").with(1, coordinator.url);
    const machine = await mesh.createMachine("gpu-box");
    const other = await machine.cli([...words.slice(0, -1), "mac", "--no-gateway"]);
    expect([other.exitCode, other.stderr]).toEqual([4, expect.stringContaining('named "gpu-box"')]);
    const node = machine.start([...words, "--no-gateway"]);
    await node.waitForLine(/registered as node node_/);
    const info = (await json("nodes")).find(({ name }: { name: string }) => name === "gpu-box");
    expect(info.capabilities.tags.toSorted()).toEqual(["big", "red"]);
    expect(info.groups).toEqual(["training"]);
  });
});

test("a node that joined with a token stays when that is revoked: it comes back by its own", async () => {
  const { token } = await json("token", "create", "joining", "--scope", "admin");
  const machine = await mesh.createMachine("staying");
  const node = machine.start([
    "join",
    coordinator.url,
    "--name",
    "staying",
    "--no-gateway",
    "--token",
    token,
  ]);
  await node.waitForLine(/registered as node node_/);
  const before = (await coordinator.call("GET", "/api/v1/nodes/staying")).body;
  await json("token", "revoke", "joining");
  const info = await until("it is back", async () => {
    const { body } = await coordinator.call("GET", "/api/v1/nodes/staying");
    return body.status === "online" && body.since !== before.since ? body : null;
  });
  expect(info.id).toBe(before.id);
});
