import { describe, expect, test } from "bun:test";
import type { RuntimeKind } from "../../../src/protocol/capability.ts";
import { directMessagesPath, directOutcomeHeader, toHeaderJson } from "../../../src/protocol/direct.ts";
import { Secret } from "../../../src/protocol/secret.ts";
import { startClassicNode } from "../../support/classic-node.ts";
import { startDirectAgent } from "../../support/direct-agent.ts";
import { createScriptedRuntime } from "../../support/scripted-runtime.ts";
import { createTempDir } from "../../support/temp-dir.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

const join = (mesh: TestCoordinator, parts: { name?: string; slots?: number; dataDir?: string } = {}) => {
  const runtime = createScriptedRuntime({ kind: "openai" });
  return startDirectAgent({
    coordinatorUrl: `http://127.0.0.1:${mesh.port()}`,
    token: new Secret(mesh.token),
    runtime,
    ...parts,
  }).then((node) => ({ node, runtime, [Symbol.asyncDispose]: () => node[Symbol.asyncDispose]() }));
};

/** Calls the node as its coordinator does. */
async function callNode(dataDir: string, port: number, body: unknown): Promise<Response> {
  const [file] = await Array.fromAsync(new Bun.Glob("nodes/*/*/node.json").scan({ cwd: dataDir }));
  const { token } = await Bun.file(`${dataDir}/${file}`).json();
  return fetch(`http://127.0.0.1:${port}${directMessagesPath}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

describe("with a direct endpoint at both ends", () => {
  test("a node tells its runtime and slots, and is offered what a link would offer", async () => {
    await using mesh = await createTestCoordinator();
    await using one = await join(mesh, { slots: 2 });
    const info = (await mesh.call("GET", "/api/v1/nodes/heron")).body;
    expect(info).toMatchObject({
      transport: "direct",
      slots: 2,
      version: "test",
      runtimes: [{ kind: "openai" }],
    });
    const answer = mesh.send("hello", { parts: { session: "家", effects: "safe", timeout_s: 60 } });
    const run = await one.runtime.nextRun();
    expect(run.attempt).toMatchObject({
      content: "hello",
      source: "api",
      effects: "safe",
      session: { name: "家" },
    });
    expect(run.attempt.timeoutMs).toBeGreaterThan(50_000);
    expect(run.attempt.timeoutMs).toBeLessThanOrEqual(60_000);
    run.succeed("hi");
    const { body } = await answer;
    expect(body.response).toBe("hi");
    expect(run.attempt.key as string).toBe(`${body.message_id}.1`);
  });

  test.each([
    [{ class: "runtime_error", kind: "quota", message: "no money left" }],
    [{ class: "runtime_error", kind: "auth", message: "bad key" }],
    [{ class: "too_large", message: "too long" }],
    [{ class: "timeout", message: "too slow" }],
  ] as const)("a failure keeps its class: %p", async (failure) => {
    await using mesh = await createTestCoordinator();
    await using one = await join(mesh);
    const answer = mesh.send("hello");
    const run = await one.runtime.nextRun();
    run.settle({ kind: "failed", failure });
    await answer;
    const id = (run.attempt.key as string).split(".")[0];
    expect((await mesh.call("GET", `/api/v1/tasks/${id}`)).body.failure).toEqual(failure);
  });

  test("an unsafe message moves when the node vouches that nothing was done", async () => {
    await using mesh = await createTestCoordinator();
    await using one = await join(mesh, { name: "a" });
    const answer = mesh.send("hello");
    const run = await one.runtime.nextRun();
    await using two = await join(mesh, { name: "b" });
    const failure = {
      class: "runtime_error",
      kind: "overloaded",
      message: "busy",
      nothing_done: true,
    } as const;
    run.settle({ kind: "failed", failure });
    (await two.runtime.nextRun()).succeed("done");
    expect((await answer).body).toMatchObject({ response: "done", attempts: 2 });
  });

  test.each(["full", "draining", "not_ready"] as const)(
    "an unsafe message goes to another node when one refuses it (%s)",
    async (reason) => {
      await using mesh = await createTestCoordinator();
      const headers = { [directOutcomeHeader]: toHeaderJson({ kind: "refused", reason }) };
      const asked = Promise.withResolvers<void>();
      const isJoined = Promise.withResolvers<void>();
      await using _ = await startClassicNode({
        coordinatorUrl: `http://127.0.0.1:${mesh.port()}`,
        bearer: mesh.token,
        name: "a",
        gateway: async () => {
          asked.resolve();
          await isJoined.promise;
          return Response.json({ error: "not now" }, { status: 429, headers });
        },
      });
      const answer = mesh.send("hello", { parts: { effects: "unsafe" } });
      await asked.promise;
      await using two = await join(mesh, { name: "b" });
      isJoined.resolve();
      (await two.runtime.nextRun()).succeed("done");
      const { body } = await answer;
      expect(body).toMatchObject({ response: "done", attempts: 2 });
      const { attempts } = (await mesh.call("GET", `/api/v1/tasks/${body.message_id}`)).body;
      expect(attempts).toMatchObject([
        { node_name: "a", state: "refused", failure: { class: "refused" } },
        { node_name: "b", state: "finished", failure: null },
      ]);
    },
  );

  test("an unsafe message that finds the node full has its turn when a slot is free", async () => {
    await using mesh = await createTestCoordinator();
    await using dir = await createTempDir();
    await using one = await join(mesh, { slots: 1, dataDir: dir.path });
    // A run that the coordinator does not know of.
    const other = callNode(dir.path, one.node.port, { id: "another", content: "first" });
    const first = await one.runtime.nextRun();
    const answer = mesh.send("hello", { parts: { effects: "unsafe" } });
    await until("the refusal", async () => {
      const [task] = (await mesh.call("GET", "/api/v1/tasks")).body.tasks;
      return task !== undefined && task.state === "queued";
    });
    first.succeed("done");
    expect((await other).status).toBe(200);
    (await one.runtime.nextRun()).succeed("done");
    expect((await answer).body).toMatchObject({ response: "done" });
  });

  test("a cancel stops the run", async () => {
    await using mesh = await createTestCoordinator();
    await using one = await join(mesh);
    const answer = mesh.send("hello");
    const run = await one.runtime.nextRun();
    const id = (run.attempt.key as string).split(".")[0];
    await mesh.call("POST", `/api/v1/tasks/${id}/cancel`);
    expect(await run.stopped).toBe("cancelled");
    run.settle({ kind: "cancelled" });
    expect((await answer).body.code).toBe("MESSAGE_CANCELLED");
  });

  test("a node that stops finishes what runs, and leaves", async () => {
    await using mesh = await createTestCoordinator();
    await using one = await join(mesh);
    const answer = mesh.send("hello");
    const run = await one.runtime.nextRun();
    const stopped = one.node.agent.stop();
    run.succeed("done");
    expect((await answer).body.response).toBe("done");
    await stopped;
    expect((await mesh.call("GET", "/api/v1/nodes")).body).toEqual([]);
  });

  test("a long answer arrives whole", async () => {
    await using mesh = await createTestCoordinator();
    await using one = await join(mesh);
    const text = "漢字\u0000\ud83d\ude00".repeat(200_000);
    const answer = mesh.send("hello");
    (await one.runtime.nextRun()).succeed(text);
    expect((await answer).body.response).toBe(text);
  });
});

describe("a direct node with two runtimes", () => {
  const setUp = async (mesh: TestCoordinator) => {
    const [openclaw, zeroclaw] = [
      createScriptedRuntime({ kind: "openclaw" }),
      createScriptedRuntime({ kind: "zeroclaw" }),
    ] as const;
    const node = await startDirectAgent({
      coordinatorUrl: `http://127.0.0.1:${mesh.port()}`,
      token: new Secret(mesh.token),
      runtime: openclaw,
      runtimes: [openclaw, zeroclaw],
      slotsOf: new Map<RuntimeKind, number>([
        ["openclaw", 1],
        ["zeroclaw", 1],
      ]),
    });
    const runtimeOf = async (id: string) =>
      (await mesh.call("GET", `/api/v1/tasks/${id}`)).body.attempts[0].runtime;
    return { openclaw, zeroclaw, runtimeOf, [Symbol.asyncDispose]: () => node[Symbol.asyncDispose]() };
  };

  test("is offered the one that is required, or that is counted for, and tells which it was", async () => {
    await using mesh = await createTestCoordinator();
    await using node = await setUp(mesh);
    const required = mesh.send("z", { parts: { requires: { runtime: "zeroclaw" } } });
    const first = await node.zeroclaw.nextRun();
    const any = mesh.send("any");
    const second = await node.openclaw.nextRun();
    second.succeed("done");
    expect(await node.runtimeOf((await any).body.message_id)).toBe("openclaw");
    first.settle({ kind: "failed", failure: { class: "runtime_error", kind: "quota", message: "no money" } });
    await required;
    const id = (first.attempt.key as string).split(".")[0] ?? "";
    expect(await node.runtimeOf(id)).toBe("zeroclaw");
  });

  test("keeps a conversation in the one that had its first turn", async () => {
    await using mesh = await createTestCoordinator();
    await using node = await setUp(mesh);
    const session = "lake";
    const first = mesh.send("one", { parts: { session, requires: { runtime: "zeroclaw" } } });
    (await node.zeroclaw.nextRun()).succeed("done");
    expect((await first).status).toBe(200);
    const second = mesh.send("two", { parts: { session } });
    (await node.zeroclaw.nextRun()).succeed("done");
    expect((await second).status).toBe(200);
    expect(node.openclaw.runs).toHaveLength(0);
  });
});
