import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { readEvents } from "../support/event-stream.ts";
import { type HeldRuntime, startHeldRuntime } from "../support/held-runtime.ts";
import {
  type CoordinatorProcess,
  createTestMesh,
  e2eTimeoutMs,
  type HttpAnswer,
  type NodeProcess,
  type TestMesh,
} from "../support/mesh-process.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(e2eTimeoutMs);

let mesh: TestMesh;
let coordinator: CoordinatorProcess;
let leavingRuntime: HeldRuntime;
let stayingRuntime: HeldRuntime;
let leaving: NodeProcess;
let staying: NodeProcess;
let counter = 0;

beforeAll(async () => {
  mesh = await createTestMesh();
});
afterAll(() => mesh[Symbol.asyncDispose]());

/** Two nodes with one slot each, and runtimes that answer when the test says so. */
beforeEach(async () => {
  counter += 1;
  leavingRuntime = startHeldRuntime();
  stayingRuntime = startHeldRuntime();
  const machine = await mesh.createMachine(`coordinator-${counter}`);
  coordinator = await mesh.startCoordinator({ machine });
  const join = (name: string, runtime: HeldRuntime) =>
    mesh.startNode(coordinator, {
      name: `${name}-${counter}`,
      openaiUrl: runtime.url,
      args: ["--slots", "1"],
    });
  [leaving, staying] = await Promise.all([join("leaving", leavingRuntime), join("staying", stayingRuntime)]);
});

// What is still held would keep the programs from ending.
afterEach(async () => {
  await leavingRuntime[Symbol.asyncDispose]();
  await stayingRuntime[Symbol.asyncDispose]();
});

function send(node: NodeProcess, body: object): Promise<HttpAnswer> {
  return coordinator.call("POST", `/api/v1/route/${node.name}`, body);
}

async function stream(body: object) {
  const response = await fetch(`${coordinator.url}/api/v1/route`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${coordinator.token}`,
      "content-type": "application/json",
      accept: "text/event-stream",
    },
    body: JSON.stringify(body),
  });
  return readEvents(response);
}

async function answerNext(runtime: HeldRuntime): Promise<void> {
  const run = await runtime.nextRun();
  run.write("fine");
  run.finish();
}

const drain = (...flags: readonly string[]) => coordinator.cli(["node", "drain", leaving.name, ...flags]);

async function nodeNames(): Promise<readonly string[]> {
  const { json } = await coordinator.cli(["nodes", "--json"]);
  return json().map(({ name }: { readonly name: string }) => name);
}

async function expectGone(): Promise<void> {
  expect(await leaving.program().exited).toEqual({ code: 0, signal: null });
  expect(leaving.program().stderr()).toContain("The node has left the mesh: drained");
  expect(await nodeNames()).toEqual([staying.name]);
}

/** Makes a rule by which new messages go to the leaving node as long as it takes any. */
async function preferLeaving(): Promise<void> {
  const targets = [leaving.name, staying.name];
  await coordinator.call("POST", "/api/v1/rules", { match: { wildcard: true }, targets });
}

describe("a drained node", () => {
  test("finishes its run, gives what waits for it to another node, leaves and ends with 0", async () => {
    const session = "talk";
    const first = send(leaving, { content: "first", session });
    await answerNext(leavingRuntime);
    expect((await first).status).toBe(200);
    const running = send(leaving, { content: "running" });
    const run = await leavingRuntime.nextRun();
    // The conversation is at home on the full node and waits for it, though the other is free.
    const events = await stream({ content: "second", session });
    const { value: accepted } = await events.next();
    expect(accepted?.data.node_id ?? null).toBeNull();
    const queued = await coordinator.call("POST", "/api/v1/tasks", { content: "third", session });
    expect(queued).toMatchObject({ status: 202, body: { state: "queued", node_id: null } });

    const { exitCode, stdout } = await drain();
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: `Node ${leaving.name} draining: it gets no new work; 1 running attempt has 600 s to finish, then it leaves.\n`,
    });
    const moved = await stayingRuntime.nextRun();
    expect(moved.content).toBe("second");
    moved.write("taken over");
    moved.finish();
    let last = accepted;
    for await (const event of events) last = event;
    expect(last).toMatchObject({ event: "result", data: { node_name: staying.name } });
    await answerNext(stayingRuntime);
    await until("the queued task", async () => {
      const { body } = await coordinator.call("GET", `/api/v1/tasks/${queued.body.id}`);
      return body.state === "succeeded" && body.node_name === staying.name;
    });

    run.write("done in time");
    run.finish();
    expect(await running).toMatchObject({ status: 200, body: { response: "done in time", attempts: 1 } });
    await expectGone();
  });

  test("is stopped at the deadline: a safe run moves, an unsafe one is told as unknown", async () => {
    await preferLeaving();
    const safe = coordinator.call("POST", "/api/v1/route", { content: "again if need be", effects: "safe" });
    const run = await leavingRuntime.nextRun();
    expect((await drain("--deadline", "300ms")).exitCode).toBe(0);
    await run.abandoned;
    const moved = await stayingRuntime.nextRun();
    moved.write("elsewhere");
    moved.finish();
    expect(await safe).toMatchObject({ status: 200, body: { response: "elsewhere", attempts: 2 } });
    await expectGone();

    await leaving.restart();
    const unsafe = send(leaving, { content: "once" });
    await leavingRuntime.nextRun();
    await drain("--deadline", "300ms");
    const { status, body } = await unsafe;
    expect({ status, code: body.code }).toEqual({ status: 502, code: "OUTCOME_UNKNOWN" });
    expect(body.error).toContain("does not confirm that the run was stopped");
    await expectGone();
  });

  test("gets another deadline by another drain", async () => {
    const answer = send(leaving, { content: "endless" });
    const run = await leavingRuntime.nextRun();
    await drain();
    await drain("--deadline", "200ms");
    await run.abandoned;
    expect((await answer).body.code).toBe("OUTCOME_UNKNOWN");
    await expectGone();
  });

  test("stays and takes work again when the drain is taken back before its run has ended", async () => {
    const answer = send(leaving, { content: "long" });
    const run = await leavingRuntime.nextRun();
    await drain();
    expect(await send(leaving, { content: "not now" })).toMatchObject({ status: 503 });
    expect((await coordinator.cli(["node", "uncordon", leaving.name])).exitCode).toBe(0);
    run.write("fine");
    run.finish();
    expect((await answer).status).toBe(200);
    await leaving.program().waitForLine(/the drain was taken back/);
    const next = send(leaving, { content: "once more" });
    await answerNext(leavingRuntime);
    expect((await next).status).toBe(200);
    expect((await nodeNames()).length).toBe(2);
  });

  test("goes on draining over a restart of the coordinator", async () => {
    const key = crypto.randomUUID();
    const body = { content: "over the restart" };
    const path = `/api/v1/route/${leaving.name}`;
    const cut = coordinator
      .call("POST", path, body, { headers: { "idempotency-key": key } })
      .catch(() => null);
    const run = await leavingRuntime.nextRun();
    await drain();
    await coordinator.kill("SIGKILL");
    await cut;
    await coordinator.restart();
    await leaving.program().waitForLine(/re-registered/);
    const { body: node } = await coordinator.call("GET", `/api/v1/nodes/${leaving.name}`);
    expect(node.scheduling).toBe("draining");
    run.write("fine");
    run.finish();
    const again = await coordinator.call("POST", path, body, { headers: { "idempotency-key": key } });
    expect(again.status).toBe(200);
    await expectGone();
  });

  test("that is told to end has no longer than one that was not drained, and ends as well", async () => {
    const answer = send(leaving, { content: "long" });
    const run = await leavingRuntime.nextRun();
    await drain();
    await leaving.program().waitForLine(/draining/);
    leaving.program().kill("SIGTERM");
    await leaving.program().waitForLine(/stopping .*limitMs=30000/);
    run.write("fine");
    run.finish();
    expect((await answer).status).toBe(200);
    expect(await leaving.program().exited).toEqual({ code: 0, signal: null });
    expect(await nodeNames()).toEqual([staying.name]);
  });

  test("that is started again is a node like any other", async () => {
    await drain();
    await expectGone();
    await leaving.restart();
    const answer = send(leaving, { content: "back" });
    await answerNext(leavingRuntime);
    expect((await answer).status).toBe(200);
  });
});

describe("a coordinator that is stopped and started again", () => {
  test("tells who waits, and goes on with what was queued: what ran is not run again, what waited runs", async () => {
    const add = async (content: string): Promise<string> => {
      const { status, body } = await coordinator.call("POST", "/api/v1/tasks", {
        content,
        target: leaving.name,
      });
      expect(status).toBe(202);
      return body.id;
    };
    const running = await add("running");
    const run = await leavingRuntime.nextRun();
    const waiting = await add("waiting");
    const answer = send(leaving, { content: "impatient" });
    coordinator.program().kill("SIGTERM");
    expect(await answer).toMatchObject({ status: 503, body: { code: "COORDINATOR_STOPPING" } });
    expect(await coordinator.program().exited).toEqual({ code: 0, signal: null });
    await coordinator.restart();
    await leaving.program().waitForLine(/re-registered/);
    run.write("ran once");
    run.finish();
    await answerNext(leavingRuntime);
    const ended = await until("both ends", async () => {
      const tasks = await Promise.all(
        [running, waiting].map((id) => coordinator.call("GET", `/api/v1/tasks/${id}`)),
      );
      return tasks.every(({ body }) => body.ended_at !== null) ? tasks.map(({ body }) => body) : null;
    });
    expect(ended).toMatchObject([
      { state: "succeeded", response: "ran once", attempts: [{ attempt: 1, state: "finished" }] },
      { state: "succeeded", response: "fine" },
    ]);
    expect(leavingRuntime.runCount()).toBe(2);
  });
});

describe("a second signal", () => {
  test("ends a node at once, though it has begun to finish what runs", async () => {
    const answer = send(leaving, { content: "interrupted" });
    await leavingRuntime.nextRun();
    leaving.program().kill("SIGTERM");
    await leaving.program().waitForLine(/stopping/);
    const sentAtMs = performance.now();
    expect((await leaving.kill("SIGTERM")).code).toBe(143);
    expect(performance.now() - sentAtMs).toBeLessThan(3_000);
    await leaving.restart();
    expect((await answer).body.code).toBe("OUTCOME_UNKNOWN");
  });

  test("ends a coordinator at once, though an answer is awaited", async () => {
    const answer = send(leaving, { content: "never" }).catch(() => null);
    await leavingRuntime.nextRun();
    coordinator.program().kill("SIGTERM");
    await coordinator.program().waitForLine(/stopping/);
    expect((await coordinator.kill("SIGINT")).code).toBe(130);
    await answer;
  });
});
