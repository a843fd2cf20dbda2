import { describe, expect, test } from "bun:test";
import { startNodeAgent } from "../../../src/node/index.ts";
import { silentLog } from "../../../src/platform/log.ts";
import { Secret } from "../../../src/protocol/secret.ts";
import { startClassicCoordinator } from "../../support/classic-coordinator.ts";
import { startDirectAgent } from "../../support/direct-agent.ts";
import { createScriptedRuntime } from "../../support/scripted-runtime.ts";
import { createTempDir } from "../../support/temp-dir.ts";

async function startMesh(parts: { readonly slots?: number } = {}) {
  const stack = new AsyncDisposableStack();
  const coordinator = stack.use(startClassicCoordinator());
  const runtime = createScriptedRuntime({ kind: "openclaw", ...parts });
  const node = stack.use(
    await startDirectAgent({
      coordinatorUrl: coordinator.url,
      token: new Secret(coordinator.token),
      runtime,
    }),
  );
  const [member] = coordinator.members();
  if (member === undefined) throw new Error("not registered");
  return { coordinator, runtime, node, member, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

describe("under a classic coordinator, a node of ours", () => {
  test("registers with exactly the fields that it takes", async () => {
    await using mesh = await startMesh();
    const { coordinator, node, member } = mesh;
    const registration = coordinator.requests.find(({ path }) => path === "/api/v1/nodes/register");
    expect(registration?.authorization).toBe(`Bearer ${coordinator.token}`);
    expect(registration?.rawBody).toBe(
      `{"name":"heron","endpoint":"127.0.0.1:${node.port}","capabilities":{"os":"linux","arch":"amd64","gpu":false,"memory_gb":1,"tags":[],"skills":["docker"]}}`,
    );
    expect(node.agent.nodeId).toBe(member.id);
    expect(node.lines).toContain(`node handler listening on :${node.port}`);
    expect(node.lines).toContain(`registered as node ${member.id}`);
  });

  test("answers a message in its words", async () => {
    await using mesh = await startMesh();
    const answer = mesh.coordinator.forward(mesh.member, "hello", { id: "msg-0123456789abcdef" });
    const run = await mesh.runtime.nextRun();
    expect(run.attempt).toMatchObject({ key: "msg-0123456789abcdef", content: "hello", source: "cli" });
    run.succeed("hi");
    expect(await answer).toEqual({
      status: 200,
      body: { message_id: "msg-0123456789abcdef", node_id: "", response: "hi" },
      tries: 1,
    });
  });

  test("joins a repeat to the run, and tells it the outcome again when it is over", async () => {
    await using mesh = await startMesh();
    const id = "msg-00000000000000aa";
    const first = mesh.coordinator.forward(mesh.member, "work", { id, timeoutMs: 100 });
    const run = await mesh.runtime.nextRun();
    setTimeout(() => run.succeed("done"), 300);
    expect(await first).toMatchObject({ status: 200, body: { response: "done" } });
    expect((await first).tries).toBeGreaterThan(1);
    expect(await mesh.coordinator.forward(mesh.member, "work", { id })).toMatchObject({
      status: 200,
      body: { response: "done" },
      tries: 1,
    });
    expect(mesh.runtime.runs).toHaveLength(1);
    expect((await mesh.coordinator.forward(mesh.member, "other", { id })).status).toBe(400);
  });

  test("answers a failure of its runtime so that it is not sent again", async () => {
    await using mesh = await startMesh();
    const answer = mesh.coordinator.forward(mesh.member, "work");
    const failure = { class: "runtime_error", kind: "overloaded", message: "too many requests" } as const;
    (await mesh.runtime.nextRun()).settle({ kind: "failed", failure });
    expect(await answer).toEqual({ status: 500, body: { error: "too many requests" }, tries: 1 });
  });

  test("holds a message until a slot is free", async () => {
    await using mesh = await startMesh({ slots: 1 });
    const first = mesh.coordinator.forward(mesh.member, "one");
    const run = await mesh.runtime.nextRun();
    const second = mesh.coordinator.forward(mesh.member, "two");
    run.succeed("1");
    (await mesh.runtime.nextRun()).succeed("2");
    expect((await first).body).toMatchObject({ response: "1" });
    expect((await second).body).toMatchObject({ response: "2" });
  });

  test("refuses what is not from its coordinator, and what is no message", async () => {
    await using mesh = await startMesh();
    const { node, member } = mesh;
    const post = (body: string, token = member.token) =>
      fetch(`http://127.0.0.1:${node.port}/api/v1/messages`, {
        method: "POST",
        headers: token === "" ? {} : { authorization: `Bearer ${token}` },
        body,
      });
    const message = JSON.stringify({
      id: "msg-1",
      content: "x",
      source: "",
      created_at: "2026-01-01T00:00:00Z",
    });
    expect((await post(message, "")).status).toBe(401);
    expect((await post(message, mesh.coordinator.token)).status).toBe(401);
    for (const bad of [
      "",
      "{",
      "[]",
      '{"id":"a"}',
      '{"content":"a"}',
      '{"id":"","content":"a"}',
      '{"id":"a","content":""}',
      '{"id":"../etc","content":"a"}',
      '{"id":"a b","content":"a"}',
      '{"id":"a","content":"b","more":1}',
      JSON.stringify({ id: "x".repeat(129), content: "a" }),
    ]) {
      const answer = await post(bad);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toEqual({ error: expect.any(String) });
    }
    expect((await post(JSON.stringify({ id: "a", content: "x".repeat(1024 * 1024) }))).status).toBe(413);
    expect(mesh.runtime.runs).toHaveLength(0);
    const health = await fetch(`http://127.0.0.1:${node.port}/healthz`);
    expect(await health.json()).toEqual({ status: "ok" });
  });

  test("finishes what runs when it is stopped, then leaves", async () => {
    await using mesh = await startMesh();
    const answer = mesh.coordinator.forward(mesh.member, "work");
    const run = await mesh.runtime.nextRun();
    const stopped = mesh.node.agent.stop();
    run.succeed("done");
    expect((await answer).body).toMatchObject({ response: "done" });
    await stopped;
    expect(mesh.coordinator.members()).toEqual([]);
    const last = mesh.coordinator.requests.slice(-2).map(({ method, rawBody }) => `${method} ${rawBody}`);
    expect(last).toEqual(['POST {"status":"offline"}', "DELETE "]);
    expect(mesh.node.lines).toContain(`deregistered node ${mesh.member.id}`);
  });

  test("finds out by itself that the coordinator is a classic one", async () => {
    await using coordinator = startClassicCoordinator();
    await using dir = await createTempDir();
    const lines: string[] = [];
    const record = (message: string) => void lines.push(message);
    const agent = await startNodeAgent({
      coordinatorUrl: coordinator.url,
      token: new Secret(coordinator.token),
      invite: null,
      name: "heron",
      tags: [],
      slots: null,
      dataDir: dir.path,
      runtimes: [{ kind: "echo", slots: null }],
      maxRunMs: null,
      version: "test",
      log: { ...silentLog, info: record, warn: record },
      env: {},
      direct: { isWanted: false, listen: "127.0.0.1:0", endpoint: null },
    });
    try {
      const [member] = coordinator.members();
      if (member === undefined) throw new Error("not registered");
      expect((await coordinator.forward(member, "hello")).body).toMatchObject({
        response: expect.stringContaining("hello"),
      });
      expect(lines.some((line) => line.includes("classic") && line.includes("port"))).toBe(true);
    } finally {
      await agent.stop();
    }
  });
});
