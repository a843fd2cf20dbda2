/** A real coordinator and the real agent of a node with two runtimes, of one slot each unless a test says otherwise. */
import { afterEach, describe, expect, test } from "bun:test";
import type { NodeAgentOptions } from "../../../src/node/agent-options.ts";
import { delay, systemClock } from "../../../src/platform/clock.ts";
import { createFetch } from "../../../src/platform/http-fetch.ts";
import { createSeededRandom } from "../../../src/platform/random.ts";
import type { RuntimeKind } from "../../../src/protocol/capability.ts";
import { Secret } from "../../../src/protocol/secret.ts";
import { createEchoRuntime } from "../../../src/runtimes/echo/index.ts";
import { createOpenaiRuntime } from "../../../src/runtimes/openai/index.ts";
import type { Runtime } from "../../../src/runtimes/runtime.ts";
import { startOpenaiServer } from "../../support/openai-server.ts";
import { createScriptedRuntime, type ScriptedRuntime } from "../../support/scripted-runtime.ts";
import { makeDataDir, startTestAgent } from "../../support/test-agent.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function setUp(runtimes: readonly Runtime[], parts: Partial<NodeAgentOptions> = {}) {
  const coordinator = await createTestCoordinator();
  opened.push(() => coordinator[Symbol.asyncDispose]());
  const dataDir = await makeDataDir();
  opened.push(dataDir.stop);
  const agent = await startTestAgent({
    coordinatorUrl: `http://127.0.0.1:${coordinator.port()}`,
    token: new Secret(coordinator.token),
    invite: null,
    dataDir: dataDir.path,
    runtimes,
    slotsOf: new Map(runtimes.map(({ kind }) => [kind, 1])),
    ...parts,
  });
  opened.push(() => agent.stop());
  return coordinator;
}

const needs = (runtime: RuntimeKind) => ({ parts: { requires: { runtime } } });

/** A queued task; its id. */
async function queue(mesh: TestCoordinator, content: string, parts: object = {}): Promise<string> {
  const { body } = await mesh.call("POST", "/api/v1/tasks", { body: { content, ...parts } });
  return body.id ?? body.task_id ?? body.message_id;
}

const taskOf = async (mesh: TestCoordinator, id: string) =>
  (await mesh.call("GET", `/api/v1/tasks/${id}`)).body;

const waitingFor = (mesh: TestCoordinator, ids: readonly string[]) =>
  until("all wait", async () => {
    const tasks = await Promise.all(ids.map((id) => taskOf(mesh, id)));
    return tasks.every(({ state, waiting_for }) => state === "queued" && waiting_for !== null);
  });

/** Counts how many runs of it there are at once, at most. */
function counted(runtime: Runtime) {
  let now = 0;
  let most = 0;
  const order: string[] = [];
  const run: Runtime["run"] = async (attempt, control) => {
    now += 1;
    most = Math.max(most, now);
    order.push(attempt.content);
    try {
      return await runtime.run(attempt, control);
    } finally {
      now -= 1;
    }
  };
  return { runtime: { ...runtime, run }, most: () => most, order };
}

test("each runtime of a node has one message at a time, and all that need it are answered", async () => {
  await using server = await startOpenaiServer();
  const { url: endpoint } = server;
  const fetch = createFetch({ env: {} });
  const openai = counted(
    createOpenaiRuntime({ endpoint, apiKey: null, model: null, sessions: "auto", fetch, clock: systemClock }),
  );
  const echo = counted(createEchoRuntime({ clock: systemClock, delayMs: 50 }));
  const mesh = await setUp([openai.runtime, echo.runtime]);
  const answers = await Promise.all([
    mesh.send("a1", needs("openai")),
    mesh.send("e1", needs("echo")),
    mesh.send("a2", needs("openai")),
    mesh.send("e2", needs("echo")),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(answers.map(({ body }) => /You said/.test(body.response))).toEqual([true, false, true, false]);
  expect([openai.most(), echo.most()]).toEqual([1, 1]);
  expect([openai.order.sort(), echo.order.sort()]).toEqual([
    ["a1", "a2"],
    ["e1", "e2"],
  ]);
  const { body } = await mesh.call("GET", `/api/v1/tasks/${answers[0]?.body.message_id}`);
  expect(body.attempts).toMatchObject([{ state: "finished", runtime: "openai" }]);
  const { body: nodes } = await mesh.call("GET", "/api/v1/nodes");
  expect(nodes[0]).toMatchObject({ slots: 2, runtimes: [{ kind: "openai", slots: 1 }, { slots: 1 }] });
});

describe("a node with two runtimes", () => {
  const two = () =>
    [createScriptedRuntime({ kind: "openclaw" }), createScriptedRuntime({ kind: "zeroclaw" })] as const;
  const finish = async (runtime: ScriptedRuntime) => {
    const run = await runtime.nextRun();
    run.succeed("done");
    return run.attempt.content;
  };
  const attemptsOf = async (mesh: TestCoordinator, id: string) =>
    (await taskOf(mesh, id)).attempts.map(({ state, runtime }: Record<string, string>) => [state, runtime]);

  test("lets those wait that need the full one, without asking it, and wakes them in their order", async () => {
    const [openclaw, zeroclaw] = two();
    const mesh = await setUp([openclaw, zeroclaw]);
    const parts = { requires: { runtime: "zeroclaw" } };
    const ids: string[] = [];
    ids.push(await queue(mesh, "z1", parts));
    const first = await zeroclaw.nextRun();
    for (const name of ["z2", "z3", "z4"]) ids.push(await queue(mesh, name, parts));
    await waitingFor(mesh, ids.slice(1));
    // What needs none goes by.
    const other = mesh.send("free");
    expect(await finish(openclaw)).toBe("free");
    expect((await other).status).toBe(200);
    await waitingFor(mesh, ids.slice(1));
    expect(zeroclaw.runs).toHaveLength(1);
    first.succeed("done");
    expect([await finish(zeroclaw), await finish(zeroclaw), await finish(zeroclaw)]).toEqual([
      "z2",
      "z3",
      "z4",
    ]);
    for (const id of ids) {
      await until("it is over", async () => (await taskOf(mesh, id)).state === "succeeded");
      expect(await attemptsOf(mesh, id)).toEqual([["finished", "zeroclaw"]]);
    }
  });

  test("gives what needs none to the first that has room, and makes it wait when none has", async () => {
    const [openclaw, zeroclaw] = two();
    const mesh = await setUp([openclaw, zeroclaw]);
    const ids: string[] = [];
    for (const name of ["one", "two", "three"]) ids.push(await queue(mesh, name));
    const run = await openclaw.nextRun();
    expect(run.attempt.content).toBe("one");
    const other = await zeroclaw.nextRun();
    expect(other.attempt.content).toBe("two");
    await waitingFor(mesh, ids.slice(2));
    run.succeed("done");
    expect(await finish(openclaw)).toBe("three");
    other.succeed("done");
    expect(await attemptsOf(mesh, ids[2] ?? "")).toMatchObject([[expect.anything(), "openclaw"]]);
  });

  test("counts only the slots of runtimes that are ready", async () => {
    const [openclaw, zeroclaw] = two();
    openclaw.setReady("it is away");
    const mesh = await setUp([openclaw, zeroclaw]);
    const ids = [await queue(mesh, "one"), await queue(mesh, "two")];
    const run = await zeroclaw.nextRun();
    await waitingFor(mesh, ids.slice(1));
    expect(await taskOf(mesh, ids[1] ?? "")).toMatchObject({ attempts: [] });
    run.succeed("done");
    expect(await finish(zeroclaw)).toBe("two");
  });

  test("keeps the turns of a conversation in one runtime", async () => {
    const [openclaw, zeroclaw] = two();
    const mesh = await setUp([openclaw, zeroclaw]);
    const first = mesh.send("turn one", { parts: { session: "lake" } });
    const run = await openclaw.nextRun();
    const second = mesh.send("turn two", { parts: { session: "lake" } });
    const free = mesh.send("no turn");
    expect(await finish(zeroclaw)).toBe("no turn");
    run.succeed("done");
    expect(await finish(openclaw)).toBe("turn two");
    for (const answer of [first, second, free]) expect((await answer).status).toBe(200);
    expect(zeroclaw.runs).toHaveLength(1);
  });

  test("has no more than the operator allows for all of it", async () => {
    const [openclaw, zeroclaw] = two();
    const mesh = await setUp([openclaw, zeroclaw], { slots: 1 });
    const ids = [await queue(mesh, "one"), await queue(mesh, "two", { requires: { runtime: "zeroclaw" } })];
    const run = await openclaw.nextRun();
    await waitingFor(mesh, ids.slice(1));
    expect(zeroclaw.runs).toHaveLength(0);
    run.succeed("done");
    expect(await finish(zeroclaw)).toBe("two");
  });

  test("is counted in the same way by a coordinator that was restarted meanwhile", async () => {
    const [openclaw, zeroclaw] = two();
    const mesh = await setUp([openclaw, zeroclaw]);
    const first = await queue(mesh, "one");
    const second = await queue(mesh, "two");
    const runs = [await openclaw.nextRun(), await zeroclaw.nextRun()];
    await mesh.restart({ port: mesh.port() });
    await until("the node is back", async () => (await mesh.call("GET", "/api/v1/nodes")).body[0]?.ready);
    const third = await queue(mesh, "three", { requires: { runtime: "zeroclaw" } });
    await waitingFor(mesh, [third]);
    runs[0]?.succeed("done");
    await until("the first is over", async () => (await taskOf(mesh, first)).state === "succeeded");
    await waitingFor(mesh, [third]);
    runs[1]?.succeed("done");
    expect(await finish(zeroclaw)).toBe("three");
    await until("all is over", async () => (await taskOf(mesh, third)).state === "succeeded");
    expect(await attemptsOf(mesh, second)).toEqual([["finished", "zeroclaw"]]);
    expect(await attemptsOf(mesh, third)).toEqual([["finished", "zeroclaw"]]);
  });

  test("is led to a runtime by a rule, too", async () => {
    const [openclaw, zeroclaw] = two();
    const mesh = await setUp([openclaw, zeroclaw]);
    const match = { content: "night", requires_runtime: "zeroclaw" };
    expect((await mesh.call("POST", "/api/v1/rules", { body: { match } })).status).toBe(201);
    const answer = mesh.send("night work");
    expect(await finish(zeroclaw)).toBe("night work");
    expect((await answer).status).toBe(200);
    expect(openclaw.runs).toHaveLength(0);
  });

  test("refuses nothing that the coordinator sends, however mixed, and has all of it done", async () => {
    const kinds = ["openclaw", "zeroclaw"] as const;
    const random = createSeededRandom(7);
    const runtimes = kinds.map((kind) => {
      const run: Runtime["run"] = async () => {
        await delay(systemClock, random.next() * 4);
        return { kind: "succeeded", text: "done" };
      };
      return counted({ ...createScriptedRuntime({ kind }), run });
    });
    const mesh = await setUp(
      runtimes.map(({ runtime }) => runtime),
      { slotsOf: new Map([["openclaw", 2]]).set("zeroclaw", 3) as ReadonlyMap<RuntimeKind, number> },
    );
    const messages = Array.from({ length: 300 }, (_, index) => {
      const draw = random.next();
      const needed = draw < 0.3 ? kinds[0] : draw < 0.6 ? kinds[1] : null;
      return { content: `${index}`, needed };
    });
    const answers = await Promise.all(
      messages.map(({ content, needed }) => mesh.send(content, needed === null ? {} : needs(needed))),
    );
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(runtimes.map(({ most }) => most())).toEqual([2, 3]);
    expect(runtimes.reduce((sum, { order }) => sum + order.length, 0)).toBe(messages.length);
    for (const [index, { needed }] of messages.entries()) {
      const { attempts } = await taskOf(mesh, answers[index]?.body.message_id);
      expect(attempts).toHaveLength(1);
      if (needed !== null) expect(attempts[0].runtime).toBe(needed);
    }
  });
});
