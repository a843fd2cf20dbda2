import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type HeldRuntime, startHeldRuntime } from "../support/held-runtime.ts";
import {
  type CoordinatorProcess,
  createTestMesh,
  e2eTimeoutMs,
  type TestMesh,
} from "../support/mesh-process.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(e2eTimeoutMs);

/** Three beats of 5 s and a second in which the coordinator looks, with room for a busy machine. */
const offlineLimitMs = 30_000;

/** What is promised is 2 s; a node that waits for its beats takes 15 s. Between them is room for a busy machine. */
const backLimitMs = 5_000;

let mesh: TestMesh;
let runtime: HeldRuntime;
let coordinator: CoordinatorProcess;
let proxy: TcpProxy;

beforeEach(async () => {
  mesh = await createTestMesh();
  runtime = startHeldRuntime();
  coordinator = await mesh.startCoordinator();
  proxy = await startTcpProxy(coordinator.port);
});
afterEach(async () => {
  await mesh[Symbol.asyncDispose]();
  await proxy.stop();
  await runtime[Symbol.asyncDispose]();
});

async function statusOf(name: string): Promise<string> {
  return (await coordinator.call("GET", `/api/v1/nodes/${name}`)).body.status;
}

async function queue(content: string, target: string): Promise<string> {
  const { status, body } = await coordinator.call("POST", "/api/v1/tasks", { content, target });
  expect(status).toBe(202);
  return body.id;
}

async function ended(id: string) {
  return until(`the end of ${id}`, async () => {
    const { body } = await coordinator.call("GET", `/api/v1/tasks/${id}`);
    return body.ended_at === null ? null : body;
  });
}

describe("a node whose machine slept", () => {
  test("is back in a moment with its run, and gets what waited for it", async () => {
    const behindRouter = { ...coordinator, url: `http://127.0.0.1:${proxy.port}` };
    const idle = await mesh.startNode(behindRouter, { name: "idle" });
    const busy = await mesh.startNode(behindRouter, { name: "busy", openaiUrl: runtime.url });
    const begun = await queue("a long one", busy.name);
    const run = await runtime.nextRun();
    run.write("all ");
    const nodes = [idle, busy];

    // The process stands still, and the router on the way forgets its connections without a word to anybody.
    for (const node of nodes) node.program().kill("SIGSTOP");
    proxy.strand();
    for (const { name } of nodes) {
      await until(`${name} offline`, async () => (await statusOf(name)) === "offline", offlineLimitMs);
    }
    const parked = await queue("for when you wake", idle.name);
    run.write("done");
    run.finish();
    expect((await coordinator.call("GET", `/api/v1/tasks/${parked}`)).body.state).toBe("queued");

    const wokenAtMs = performance.now();
    for (const node of nodes) node.program().kill("SIGCONT");
    for (const { name } of nodes) {
      await until(`${name} back`, async () => (await statusOf(name)) !== "offline", backLimitMs);
    }
    console.log(`both nodes were back ${Math.round(performance.now() - wokenAtMs)} ms after the wake`);

    expect(await ended(parked)).toMatchObject({
      state: "succeeded",
      response: expect.stringContaining("for when you wake"),
    });
    expect(await ended(begun)).toMatchObject({ state: "succeeded", response: "all done", attempts: [{}] });
    expect(runtime.runCount()).toBe(1);
    for (const node of nodes) {
      const lines = node.program().stderr();
      // It asked, and came back by one dial.
      expect(lines).toContain("no answer to a ping");
      expect(lines.match(/re-registered as node/g)).toHaveLength(1);
    }
  });
});
