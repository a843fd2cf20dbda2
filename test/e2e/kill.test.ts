import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readEvents } from "../support/event-stream.ts";
import { type HeldRuntime, startHeldRuntime } from "../support/held-runtime.ts";
import {
  type CoordinatorProcess,
  createTestMesh,
  e2eTimeoutMs,
  type HttpAnswer,
  type TestMesh,
} from "../support/mesh-process.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(e2eTimeoutMs);

let mesh: TestMesh;
let runtime: HeldRuntime;
let coordinator: CoordinatorProcess;
let counter = 0;

beforeAll(async () => {
  mesh = await createTestMesh();
  runtime = startHeldRuntime();
});
beforeEach(async () => {
  counter += 1;
  coordinator = await mesh.startCoordinator({ machine: await mesh.createMachine(`coordinator-${counter}`) });
});
afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});

const unique = (name: string) => `${name}-${counter}`;

function send(body: object, headers: Record<string, string> = {}): Promise<HttpAnswer> {
  return coordinator.call("POST", "/api/v1/route", body, { headers });
}

async function statusOf(name: string): Promise<string> {
  return (await coordinator.call("GET", `/api/v1/nodes/${name}`)).body.status;
}

describe("kill -9 of a node in the middle of a run", () => {
  test("ends an unsafe message as unknown once the node is back and cannot tell", async () => {
    const node = await mesh.startNode(coordinator, { name: unique("lost"), openaiUrl: runtime.url });
    const answer = send({ content: "do it once" });
    const run = await runtime.nextRun();
    run.write("half");
    await node.kill("SIGKILL");
    await until("offline at once", async () => (await statusOf(node.name)) === "offline", 1_000);
    await node.restart();
    const { status, body } = await answer;
    expect({ status, code: body.code }).toEqual({ status: 502, code: "OUTCOME_UNKNOWN" });
    expect(body.hint.length).toBeGreaterThan(10);
    const again = send({ content: "and now" });
    const next = await runtime.nextRun();
    next.write("fine");
    next.finish();
    expect(await again).toMatchObject({ status: 200, body: { response: "fine" } });
  });

  test("tries a safe message on the next node within a moment", async () => {
    const node = await mesh.startNode(coordinator, { name: unique("first"), openaiUrl: runtime.url });
    await mesh.startNode(coordinator, { name: unique("second") });
    await coordinator.call("POST", "/api/v1/rules", {
      match: { wildcard: true },
      targets: [unique("first"), unique("second")],
    });
    const answer = send({ content: "may be run twice", effects: "safe" });
    const run = await runtime.nextRun();
    run.write("half");
    const killedAtMs = performance.now();
    await node.kill("SIGKILL");
    const { status, body } = await answer;
    expect(status).toBe(200);
    expect(body).toMatchObject({ node_name: unique("second"), attempts: 2 });
    expect(body.response).toContain("may be run twice");
    expect(performance.now() - killedAtMs).toBeLessThan(3_000);
    const task = (await coordinator.call("GET", `/api/v1/tasks/${body.message_id}`)).body;
    expect(task.attempts.map(({ state }: { state: string }) => state)).toEqual(["lost", "finished"]);
  });

  test("hangs nobody under traffic; the survivors go on, and the node comes back", async () => {
    const names = [unique("a"), unique("b"), unique("c")];
    const nodes = await Promise.all(names.map((name) => mesh.startNode(coordinator, { name })));
    let isOver = false;
    const outcomes = new Map<string, number>();
    const client = async (index: number): Promise<void> => {
      for (let sent = 0; !isOver; sent += 1) {
        const { status, body } = await send({
          content: `message ${index}.${sent}`,
          effects: "safe",
          timeout_s: 10,
        });
        const outcome = status === 200 ? "answered" : String(body.code);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        if (status === 200) expect(body.response).toContain(`message ${index}.${sent}`);
      }
    };
    const clients = Promise.all(Array.from({ length: 8 }, (_, index) => client(index)));
    await until("traffic", async () => (outcomes.get("answered") ?? 0) > 200);
    await nodes[0]?.kill("SIGKILL");
    const atKill = outcomes.get("answered") ?? 0;
    await until("traffic after the kill", async () => (outcomes.get("answered") ?? 0) > atKill + 200);
    await nodes[0]?.restart();
    await until("the node is back", async () => (await statusOf(names[0] ?? "")) === "online");
    isOver = true;
    await clients;
    expect([...outcomes.keys()]).toEqual(["answered"]);
    const direct = await coordinator.call("POST", `/api/v1/route/${names[0]}`, { content: "are you back" });
    expect(direct.status).toBe(200);
  });
});

describe("kill -9 of the coordinator in the middle of a run", () => {
  test("tells the client at once, keeps the answer on the node, and has it after the restart", async () => {
    const node = await mesh.startNode(coordinator, { name: unique("keeper"), openaiUrl: runtime.url });
    const key = crypto.randomUUID();
    const response = await fetch(`${coordinator.url}/api/v1/route`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${coordinator.token}`,
        "content-type": "application/json",
        accept: "text/event-stream",
        "idempotency-key": key,
      },
      body: JSON.stringify({ content: "finish without me" }),
    });
    const events = readEvents(response);
    const first = await events.next();
    const id = first.value?.data.message_id;
    const run = await runtime.nextRun();
    run.write("kept ");
    await events.next();

    await coordinator.kill("SIGKILL");
    const cut = await events.next().then(
      ({ done }) => done === true,
      () => true,
    );
    expect(cut).toBe(true);
    run.write("answer");
    run.finish();

    await coordinator.restart();
    await node.program().waitForLine(/re-registered as node node_/, 5_000);
    const task = await until("the kept answer", async () => {
      const { body } = await coordinator.call("GET", `/api/v1/tasks/${id}`);
      return body.state === "queued" || body.state === "running" ? null : body;
    });
    expect(task).toMatchObject({ state: "succeeded", response: "kept answer" });
    const again = await send({ content: "finish without me" }, { "idempotency-key": key });
    expect(again).toMatchObject({ status: 200, body: { message_id: id, response: "kept answer" } });
  });

  test("leaves a mesh that takes messages again within 2 s of the restart", async () => {
    const node = await mesh.startNode(coordinator, { name: unique("waiting") });
    await coordinator.kill("SIGKILL");
    await Bun.sleep(1_500);
    await coordinator.restart();
    const restartedAtMs = performance.now();
    await node.program().waitForLine(/re-registered as node node_/, 4_000);
    expect(performance.now() - restartedAtMs).toBeLessThan(2_500);
    expect((await send({ content: "hello again" })).status).toBe(200);
  });

  test("is survived by a send from the command line, which picks its answer up", async () => {
    await mesh.startNode(coordinator, { name: unique("patient"), openaiUrl: runtime.url });
    const command = coordinator.cli(["send", "--auto", "--json", "pick me up"]);
    const run = await runtime.nextRun();
    run.write("picked ");
    await coordinator.kill("SIGKILL");
    await coordinator.restart();
    run.write("up");
    run.finish();
    const { exitCode, json, stderr } = await command;
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(json().response).toBe("picked up");
  });
});

describe("SIGTERM", () => {
  test("lets the coordinator finish the answer in progress, then exit with 0", async () => {
    await mesh.startNode(coordinator, { name: unique("calm"), openaiUrl: runtime.url });
    const answer = send({ content: "almost done" });
    const run = await runtime.nextRun();
    run.write("here it is");
    const exit = coordinator.kill("SIGTERM");
    await coordinator.program().waitForLine(/stopping/);
    const late = await send({ content: "too late" }).catch(() => null);
    if (late !== null) expect(late).toMatchObject({ status: 503, body: { code: "COORDINATOR_STOPPING" } });
    run.finish();
    expect(await answer).toMatchObject({ status: 200, body: { response: "here it is" } });
    expect(await exit).toEqual({ code: 0, signal: null });
  });

  test("ends the coordinator within its limit though an answer never comes", async () => {
    await mesh.startNode(coordinator, { name: unique("stuck"), openaiUrl: runtime.url });
    const answer = send({ content: "never" }).catch(() => null);
    await runtime.nextRun();
    const startedAtMs = performance.now();
    expect(await coordinator.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(performance.now() - startedAtMs).toBeLessThan(8_000);
    await answer;
  });

  test("lets a node finish what runs and refuse the rest, say goodbye, and exit with 0", async () => {
    const node = await mesh.startNode(coordinator, { name: unique("leaving"), openaiUrl: runtime.url });
    const answer = send({ content: "last one" });
    const run = await runtime.nextRun();
    const exit = node.kill("SIGTERM");
    run.write("done");
    run.finish();
    expect(await answer).toMatchObject({ status: 200, body: { response: "done" } });
    expect(await exit).toEqual({ code: 0, signal: null });
    const { status, body } = await send({ content: "nobody there" });
    expect({ status, code: body.code }).toEqual({ status: 503, code: "NO_NODE_FITS" });
  });

  test("and SIGINT end an idle coordinator and an idle node with 0", async () => {
    const node = await mesh.startNode(coordinator, { name: unique("idle") });
    expect(await node.kill("SIGINT")).toEqual({ code: 0, signal: null });
    expect(await coordinator.kill("SIGINT")).toEqual({ code: 0, signal: null });
  });
});
