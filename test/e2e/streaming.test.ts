import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { nextEvent, readEvents, textAfter } from "../support/event-stream.ts";
import { type HeldRuntime, startHeldRuntime } from "../support/held-runtime.ts";
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
let runtime: HeldRuntime;

beforeAll(async () => {
  mesh = await createTestMesh();
  runtime = startHeldRuntime();
  coordinator = await mesh.startCoordinator();
  await mesh.startNode(coordinator, { name: "worker", openaiUrl: runtime.url });
});
afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});

function stream(content: string, init: { readonly signal?: AbortSignal; readonly key?: string } = {}) {
  return fetch(`${coordinator.url}/api/v1/route`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${coordinator.token}`,
      "content-type": "application/json",
      accept: "text/event-stream",
      ...(init.key === undefined ? {} : { "idempotency-key": init.key }),
    },
    body: JSON.stringify({ content }),
    signal: init.signal ?? null,
  });
}

describe("a streamed answer", () => {
  test("shows the decision, then the text while the runtime writes, then the result", async () => {
    const response = await stream("tell me");
    expect(response.headers.get("content-type")).toStartWith("text/event-stream");
    const events = readEvents(response);
    const decision = await nextEvent(events);
    expect(decision.event).toBe("decision");
    expect(decision.data.decision.ranking[0].name).toBe("worker");

    const run = await runtime.nextRun();
    run.write("one ");
    let text = "";
    while (text !== "one ") text = textAfter(text, await nextEvent(events));
    run.write("two");
    while (text !== "one two") text = textAfter(text, await nextEvent(events));
    run.finish();
    let last = await nextEvent(events);
    while (last.event !== "result") last = await nextEvent(events);
    expect(last.data.response).toBe("one two");
    expect(last.data.message_id).toBe(decision.data.message_id);
    expect((await events.next()).done).toBe(true);
  });

  test("is one JSON without the Accept header", async () => {
    const answer = coordinator.call("POST", "/api/v1/route", { content: "tell me" });
    const run = await runtime.nextRun();
    run.write("whole");
    run.finish();
    const { status, body, headers } = await answer;
    expect(status).toBe(200);
    expect(body.response).toBe("whole");
    expect(headers.get("x-claw-mesh-task")).toBe(body.message_id);
    expect(headers.get("x-claw-mesh-node")).toBe(body.node_id);
  });

  test("is cancelled on the node when its reader goes away", async () => {
    const controller = new AbortController();
    const events = readEvents(await stream("tell me", { signal: controller.signal }));
    const { message_id: id } = (await nextEvent(events)).data;
    const run = await runtime.nextRun();
    run.write("some");
    await nextEvent(events);
    controller.abort();
    await run.abandoned;
    const task = await until("the end of the task", async () => {
      const { body } = await coordinator.call("GET", `/api/v1/tasks/${id}`);
      return body.state === "running" ? null : body;
    });
    expect(task.state).toBe("cancelled");
  });

  test("goes on without its reader when it has an idempotency key, and is there for the next", async () => {
    const controller = new AbortController();
    const key = crypto.randomUUID();
    const events = readEvents(await stream("tell me", { signal: controller.signal, key }));
    const { message_id: id } = (await nextEvent(events)).data;
    const run = await runtime.nextRun();
    run.write("first ");
    await nextEvent(events);
    controller.abort();

    const again = readEvents(await stream("tell me", { key }));
    let text = "";
    while (text !== "first ") text = textAfter(text, await nextEvent(again));
    run.write("second");
    run.finish();
    let last = await nextEvent(again);
    while (last.event !== "result") last = await nextEvent(again);
    expect(last.data).toMatchObject({ message_id: id, response: "first second" });
  });

  test("ends by an error event when the mesh deadline passes, and the run is stopped", async () => {
    const answer = coordinator.call("POST", "/api/v1/route", { content: "tell me", timeout_s: 0.5 });
    const run = await runtime.nextRun();
    await run.abandoned;
    expect(await answer).toMatchObject({ status: 504, body: { code: "MESSAGE_TIMEOUT" } });
  });

  test("can be cancelled over the API", async () => {
    const events = readEvents(await stream("tell me"));
    const { message_id: id } = (await nextEvent(events)).data;
    const run = await runtime.nextRun();
    expect((await coordinator.call("POST", `/api/v1/tasks/${id}/cancel`)).status).toBe(202);
    await run.abandoned;
    let last = await nextEvent(events);
    while (last.event !== "error") last = await nextEvent(events);
    expect(last.data.code).toBe("MESSAGE_CANCELLED");
  });
});

describe("send", () => {
  test("prints the whole answer into a pipe", async () => {
    const command = coordinator.cli(["send", "--auto", "tell me"]);
    const run = await runtime.nextRun();
    run.write("from the ");
    run.write("runtime");
    run.finish();
    const { exitCode, stdout } = await command;
    expect(exitCode).toBe(0);
    expect(stdout).toContain("from the runtime");
  });

  test("reads the message from standard input", async () => {
    const command = coordinator.cli(["send", "--auto"], { stdin: "from a pipe\nwith two lines\n" });
    const run = await runtime.nextRun();
    run.write("ok");
    run.finish();
    expect((await command).exitCode).toBe(0);
    expect(run.content).toContain("from a pipe\nwith two lines");
  });

  test("cancels the message on Ctrl-C", async () => {
    const program = coordinator.machine.start([
      "send",
      "--auto",
      "tell me",
      "--coordinator",
      coordinator.url,
    ]);
    const run = await runtime.nextRun();
    program.kill("SIGINT");
    await run.abandoned;
    expect((await program.exited).code).not.toBe(0);
  });
});

describe("the same idempotency key", () => {
  test("gives the same task and result, and refuses another body", async () => {
    const headers = { "idempotency-key": crypto.randomUUID() };
    const first = coordinator.call("POST", "/api/v1/route", { content: "once" }, { headers });
    const run = await runtime.nextRun();
    const runs = runtime.runCount();
    const second = coordinator.call("POST", "/api/v1/route", { content: "once" }, { headers });
    run.write("done once");
    run.finish();
    const [one, two] = await Promise.all([first, second]);
    const three = await coordinator.call("POST", "/api/v1/route", { content: "once" }, { headers });
    expect(two.body.message_id).toBe(one.body.message_id);
    expect(three.body).toMatchObject({ message_id: one.body.message_id, response: "done once" });
    expect(runtime.runCount()).toBe(runs);
    const other = await coordinator.call("POST", "/api/v1/route", { content: "twice" }, { headers });
    expect(other).toMatchObject({ status: 409, body: { code: "IDEMPOTENCY_CONFLICT" } });
  });
});
