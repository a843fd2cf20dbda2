/** A node that wrote its own client: what it may say about others' work, in others' names and for others' nodes. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { systemIds } from "../../../src/platform/ids.ts";
import type { AttemptNumber, TaskId } from "../../../src/protocol/ids.ts";
import type { NodeFrame } from "../../../src/protocol/link/v1/frames.ts";
import { makeToken } from "../../support/access.ts";
import { type FakeNode, joinFakeNode, LinkRefused, nextInstance, toRef } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

let coordinator: TestCoordinator;
let victim: FakeNode;
let hostile: FakeNode;

beforeAll(async () => {
  coordinator = await createTestCoordinator();
  victim = await coordinator.join({ name: "victim" as FakeNode["hello"]["name"], slots: 50 });
  hostile = await coordinator.join({ name: "hostile" as FakeNode["hello"]["name"], slots: 50 });
});
afterAll(() => coordinator[Symbol.asyncDispose]());

const nameOf = (name: string) => name as FakeNode["hello"]["name"];
const refusalOf = (joining: Promise<unknown>) =>
  joining.then(
    () => "let in",
    (error: unknown) => (error instanceof LinkRefused ? error.reason.split(":")[0] : String(error)),
  );

/** A message that the victim works on. */
async function running(content: string) {
  const answer = coordinator.send(content, { to: "victim", parts: { timeout_s: 30 } });
  const offer = await victim.nextOffer(content);
  victim.started(offer);
  victim.chunk(offer, 0, "so far");
  return { answer, ref: toRef(offer) };
}

/** All frames that were sent before have been taken when this resolves. */
async function settled(node: FakeNode) {
  const answer = coordinator.send("are you there", { to: node.name });
  const offer = await node.nextOffer("are you there");
  node.answer(offer, "yes");
  await answer;
}

describe("about an attempt of another node, a node's", () => {
  const long = "x".repeat(1_000);
  const claims: Readonly<Record<string, (ref: ReturnType<typeof toRef>) => NodeFrame>> = {
    answer: (ref) => ({ type: "result", ...ref, length: long.length, text: long }),
    failure: (ref) => ({
      type: "failed",
      ...ref,
      failure: { class: "runtime_error", kind: "internal", message: "stolen" },
    }),
    refusal: (ref) => ({ type: "refuse", ...ref, reason: "full", message: "stolen" }),
    start: (ref) => ({ type: "started", ...ref }),
    text: (ref) => ({ type: "chunk", ...ref, offset: 0, text: "stolen" }),
    "final text": (ref) => ({ type: "chunk", ...ref, offset: 0, text: "stolen", final: true }),
    loss: (ref) => ({ type: "lost", ...ref, started: false, fenced: true, reason: "stolen" }),
    cancel: (ref) => ({ type: "cancelled", ...ref }),
  };
  test.each(Object.keys(claims))("%s changes nothing", async (kind) => {
    const content = `work with a claimed ${kind}`;
    const { answer, ref } = await running(content);
    const frame = claims[kind]?.(ref);
    if (frame !== undefined) hostile.send(frame);
    await settled(hostile);
    const shown = await coordinator.call("GET", `/api/v1/tasks/${ref.task}`);
    expect(shown.body).toMatchObject({
      state: "running",
      node_name: "victim",
      attempts: [{ node_name: "victim" }],
    });
    victim.result(ref, "mine");
    expect((await answer).body).toMatchObject({ response: "mine", node_id: victim.nodeId });
    const ended = await coordinator.call("GET", `/api/v1/tasks/${ref.task}`);
    expect(ended.text).not.toContain("stolen");
  });

  test("status does not hold it back, nor move it", async () => {
    const { answer, ref } = await running("work that another calls recovering");
    hostile.send({
      type: "status",
      load: { in_flight: 0, cpu: 0, memory: 0 },
      slots: 50,
      runtimes: hostile.hello.runtimes,
      recovering: [ref],
    });
    await settled(hostile);
    victim.result(ref, "mine");
    expect((await answer).body).toMatchObject({ response: "mine" });
  });

  test("hello does not take it over: neither as running nor as unacknowledged, under this number or the next", async () => {
    const { answer, ref } = await running("work that another claims in its hello");
    const claimed = [ref, { task: ref.task, attempt: ref.attempt + 1 }] as const;
    const again = await coordinator.rejoin(hostile, {
      running: claimed.map((one) => ({ ...one, offset: 0, started_at: new Date().toISOString() })),
      unacknowledged: [...claimed],
    });
    hostile = again;
    expect(again.welcome.resume).toEqual([]);
    again.result(ref, "stolen");
    again.result(claimed[1], "stolen");
    await settled(again);
    victim.result(ref, "mine");
    expect((await answer).body).toMatchObject({ response: "mine", node_id: victim.nodeId });
  });
});

describe("a task that waits", () => {
  test("is not had by a node that refused it once and then claims its next attempt", async () => {
    const queued = await coordinator.call("POST", "/api/v1/tasks", {
      body: { content: "wait for the victim", target: "hostile", effects: "safe" },
    });
    const first = await hostile.nextOffer("wait for the victim");
    await coordinator.call("PATCH", "/api/v1/nodes/hostile", { body: { scheduling: "cordoned" } });
    hostile.refuse(first, "full");
    await until("it waits", async () => {
      const { body } = await coordinator.call("GET", `/api/v1/tasks/${queued.body.id}`);
      return body.state === "queued";
    });
    const next = { task: first.task, attempt: first.attempt + 1 };
    hostile = await coordinator.rejoin(hostile, {
      running: [{ ...next, offset: 0, started_at: new Date().toISOString() }],
      unacknowledged: [next],
    });
    expect(hostile.welcome.resume).toEqual([]);
    hostile.result(next, "stolen");
    await hostile.next("ack", ({ task, unknown }) => task === first.task && unknown === true);
    const { body } = await coordinator.call("GET", `/api/v1/tasks/${queued.body.id}`);
    expect(body).toMatchObject({ state: "queued", response: null });
    await coordinator.call("POST", `/api/v1/tasks/${queued.body.id}/cancel`);
    await coordinator.call("PATCH", "/api/v1/nodes/hostile", { body: { scheduling: "active" } });
  });
});

describe("after a restart of the coordinator, a task that waits", () => {
  const names = { mine: "mine", theirs: "theirs" };
  let mesh: TestCoordinator;
  afterEach(() => mesh[Symbol.asyncDispose]());

  const start = async (parts: Parameters<typeof createTestCoordinator>[0] = {}) => {
    mesh = await createTestCoordinator(parts);
    return mesh.join({ name: nameOf(names.mine), slots: 5 });
  };
  const queue = async (body: Readonly<Record<string, unknown>>, token = mesh.token) => {
    const answer = await mesh.call("POST", "/api/v1/tasks", {
      token,
      body: { content: "wait for theirs", effects: "safe", ...body },
    });
    expect(answer.status).toBe(202);
    return answer.body.id as TaskId;
  };
  const claim = async (node: FakeNode, task: TaskId, attempt = 1) => {
    const ref = { task, attempt: attempt as AttemptNumber };
    const back = await mesh.rejoin(node, {
      running: [{ ...ref, offset: 0, started_at: new Date().toISOString() }],
      unacknowledged: [ref],
    });
    return { back, ref };
  };
  const expectNothingHad = async ({ back, ref }: Awaited<ReturnType<typeof claim>>) => {
    expect(back.welcome.resume).toEqual([]);
    back.result(ref, "stolen");
    await back.next("ack", ({ task, unknown }) => task === ref.task && unknown === true);
    const { body } = await mesh.call("GET", `/api/v1/tasks/${ref.task}`);
    expect(body).toMatchObject({ response: null });
    expect(JSON.stringify(body.attempts)).not.toContain(back.nodeId);
  };

  const ways: Readonly<Record<string, () => Promise<readonly [FakeNode, TaskId]>>> = {
    "its sender may not use the node": async () => {
      const node = await start();
      const theirs = await mesh.join({ name: nameOf(names.theirs) });
      await mesh.call("PUT", "/api/v1/groups/friends", { body: { nodes: [theirs.nodeId] } });
      await theirs.close();
      const { token } = await makeToken(mesh, { scopes: ["send"], groups: ["friends"] });
      return [node, await queue({}, token)];
    },
    "it is for another node": async () => {
      const node = await start();
      const theirs = await mesh.join({ name: nameOf(names.theirs) });
      await theirs.close();
      return [node, await queue({ target: names.theirs })];
    },
    "it needs what the node lacks": async () => [await start(), await queue({ requires: { gpu: true } })],
    "a rule keeps it for another node": async () => {
      const node = await start();
      const theirs = await mesh.join({ name: nameOf(names.theirs) });
      const rule = { match: { content: "wait for" }, target: names.theirs, otherwise: "queue" };
      expect((await mesh.call("POST", "/api/v1/rules", { body: rule })).status).toBe(201);
      await theirs.close();
      return [node, await queue({})];
    },
    "its time is yet to come": async () => [
      await start(),
      await queue({ not_before: new Date(Date.now() + 3_600_000).toISOString() }),
    ],
  };
  test.each(Object.keys(ways))("is not had by a node that claims its next attempt, when %s", async (why) => {
    const [node, task] = (await ways[why]?.()) ?? [await start(), await queue({})];
    await mesh.restart();
    await expectNothingHad(await claim(node, task));
  });

  test("and was refused since is not had by a node that claims its next attempt", async () => {
    const node = await start();
    await mesh.call("PATCH", "/api/v1/nodes/mine", { body: { scheduling: "cordoned" } });
    const task = await queue({});
    await mesh.restart();
    const back = await mesh.rejoin(node);
    await mesh.call("PATCH", "/api/v1/nodes/mine", { body: { scheduling: "active" } });
    const first = await back.nextOffer("wait for theirs");
    await mesh.call("PATCH", "/api/v1/nodes/mine", { body: { scheduling: "cordoned" } });
    back.refuse(first, "full");
    await until(
      "it waits",
      async () => (await mesh.call("GET", `/api/v1/tasks/${task}`)).body.state === "queued",
    );
    const claimed = await claim(back, task, first.attempt + 1);
    expect(claimed.back.welcome.resume).toEqual([]);
    claimed.back.result(claimed.ref, "stolen");
    await claimed.back.next("ack", ({ unknown }) => unknown === true);
    expect((await mesh.call("GET", `/api/v1/tasks/${task}`)).body).toMatchObject({ response: null });
  });

  test("goes on where it ran, when its node may have it", async () => {
    const node = await start();
    await mesh.call("PATCH", "/api/v1/nodes/mine", { body: { scheduling: "cordoned" } });
    const task = await queue({});
    await mesh.restart();
    const { back, ref } = await claim(node, task);
    back.result(ref, "mine");
    await back.next("ack", ({ task: acked }) => acked === task);
    expect((await mesh.call("GET", `/api/v1/tasks/${task}`)).body).toMatchObject({ response: "mine" });
  });
});

describe("about an old attempt of its own, a node's", () => {
  test("answer stays in the history and never becomes the result", async () => {
    const answer = coordinator.send("to and fro", {
      to: "hostile",
      parts: { effects: "safe", timeout_s: 30 },
    });
    const first = await hostile.nextOffer("to and fro");
    hostile.send(
      { type: "started", ...toRef(first) },
      { type: "lost", ...toRef(first), started: true, fenced: true, reason: "given up" },
    );
    const second = await hostile.nextOffer("to and fro");
    expect(second.attempt).toBe(first.attempt + 1);
    hostile.result(first, "old");
    await settled(hostile);
    hostile.answer(second, "new");
    expect((await answer).body).toMatchObject({ response: "new" });
  });
});

describe("an attempt that never was", () => {
  test("is answered alike whether its task is another's, ended or made up", async () => {
    const { answer, ref } = await running("somebody's secret work");
    const madeUp = { task: systemIds.task(), attempt: 1 };
    for (const one of [ref, madeUp]) {
      hostile.result(one, "x");
      expect(await hostile.next("ack", ({ task }) => task === one.task)).toEqual({
        type: "ack",
        ...one,
        unknown: true,
      });
    }
    victim.result(ref, "done");
    await answer;
    hostile.result(ref, "x");
    expect(await hostile.next("ack", ({ task }) => task === ref.task)).toEqual({
      type: "ack",
      ...ref,
      unknown: true,
    });
  });
});

describe("what a node is offered", () => {
  test("is its own work only, and holds neither who asked nor a key of theirs", async () => {
    const answer = coordinator.send("for the victim alone", {
      to: "victim",
      key: "client-key-1",
      parts: { session: "private talk" },
    });
    const offer = await victim.nextOffer("for the victim alone");
    expect(JSON.stringify(offer)).not.toContain("client-key-1");
    expect(JSON.stringify(offer)).not.toContain(coordinator.token);
    victim.answer(offer, "done");
    await answer;
    await settled(hostile);
    expect(JSON.stringify(hostile.frames)).not.toContain("for the victim alone");
  });
});

describe("a node's token", () => {
  const routes: readonly (readonly [string, string, unknown?])[] = [
    ["GET", "/api/v1/tasks"],
    ["GET", "/api/v1/tasks/TASK"],
    ["GET", "/api/v1/tasks/TASK/decision"],
    ["GET", "/api/v1/tasks/TASK/stream"],
    ["POST", "/api/v1/tasks/TASK/cancel"],
    ["POST", "/api/v1/tasks/TASK/retry", {}],
    ["POST", "/api/v1/tasks", { content: "x" }],
    ["POST", "/api/v1/route", { content: "x" }],
    ["POST", "/api/v1/route/victim", { content: "x" }],
    ["POST", "/api/v1/route/explain", { content: "x" }],
    ["GET", "/api/v1/nodes"],
    ["GET", "/api/v1/nodes/victim"],
    ["DELETE", "/api/v1/nodes/victim"],
    ["PATCH", "/api/v1/nodes/victim", { scheduling: "cordoned" }],
    ["PATCH", "/api/v1/nodes/hostile", { weight: 1000 }],
    ["POST", "/api/v1/nodes/VICTIM_ID/heartbeat", { status: "online" }],
    ["POST", "/api/v1/nodes/register", { name: "victim", endpoint: "127.0.0.1:9", capabilities: {} }],
    ["GET", "/api/v1/rules"],
    ["POST", "/api/v1/rules", { match: { wildcard: true }, target: "hostile" }],
    ["GET", "/api/v1/groups"],
    ["PUT", "/api/v1/groups/mine", { nodes: ["victim"] }],
    ["POST", "/api/v1/invites", {}],
    ["GET", "/api/v1/tokens"],
    ["GET", "/api/v1/audit"],
  ];
  test.each(routes.map(([method, path, body]) => [method, path, body ?? null] as const))(
    "does not open %s %s",
    async (method, path, body) => {
      const { answer, ref } = await running(`work beside ${method} ${path}`);
      const real = path.replace("TASK", ref.task).replace("VICTIM_ID", victim.nodeId);
      const { status, text } = await coordinator.call(method, real, {
        token: hostile.token,
        ...(body === null ? {} : { body }),
      });
      expect([400, 403, 404]).toContain(status);
      expect(text).not.toContain("work beside");
      expect(text).not.toContain(victim.nodeId);
      victim.result(ref, "done");
      expect((await answer).status).toBe(200);
    },
  );

  test("says the same of another node and of one that is not there", async () => {
    const ask = (id: string) => coordinator.call("GET", `/api/v1/nodes/${id}`, { token: hostile.token });
    const answers = [
      await ask(victim.nodeId),
      await ask("victim"),
      await ask(systemIds.node()),
      await ask("nobody"),
    ];
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.code} ${body.error}`)).size).toBe(1);
  });
});

describe("another node's name", () => {
  test.each([
    ["while it is there", "victim"],
    ["in another case", "VICTIM"],
  ])("is refused to a node that has the admin token but not its id, %s", async (_, name) => {
    const joining = joinFakeNode({ port: coordinator.port(), token: coordinator.token, name: nameOf(name) });
    expect(await refusalOf(joining)).toBe("NAME_TAKEN");
  });

  test("is refused to a node's own token, and so is any other name than its own", async () => {
    for (const name of ["victim", "renamed", "a-rules-target"]) {
      const joining = coordinator.rejoin(hostile, { name: nameOf(name), instance: hostile.hello.instance });
      expect(await refusalOf(joining)).not.toBe("let in");
    }
    const nodes = (await coordinator.call("GET", "/api/v1/nodes")).body as { name: string; id: string }[];
    expect(nodes.find(({ name }) => name === "victim")?.id).toBe(victim.nodeId);
    expect(nodes.map(({ name }) => name)).not.toContain("renamed");
    hostile = await coordinator.rejoin(hostile);
  });

  test("is refused while it is offline, and while it has left and may come back; its id opens nothing either", async () => {
    const leaver = await coordinator.join({ name: nameOf("leaver") });
    const invite = (await coordinator.call("POST", "/api/v1/invites", { body: { uses: 10 } })).body
      .code as string;
    const steal = (token: string, parts = {}) =>
      refusalOf(joinFakeNode({ port: coordinator.port(), token, name: nameOf("leaver"), ...parts }));
    await leaver.close();
    expect(await steal(invite)).toBe("NAME_TAKEN");
    expect(await steal(invite, { node_id: leaver.nodeId })).toBe("NAME_TAKEN");
    expect(await steal(hostile.token, { node_id: leaver.nodeId })).not.toBe("let in");
    const back = await coordinator.rejoin(leaver);
    back.send({ type: "goodbye", reason: "restarting" });
    await back.closed;
    expect(await steal(invite)).toBe("NAME_TAKEN");
    expect(await steal(invite, { name: nameOf("LEAVER") })).toBe("NAME_TAKEN");
    expect((await coordinator.rejoin(leaver)).nodeId).toBe(leaver.nodeId);
    hostile = await coordinator.rejoin(hostile);
  });

  test("is free again when an operator has removed the node", async () => {
    const gone = await coordinator.join({ name: nameOf("gone") });
    gone.send({ type: "goodbye", reason: "for good" });
    await gone.closed;
    await coordinator.call("DELETE", `/api/v1/nodes/${gone.nodeId}`);
    const invite = (await coordinator.call("POST", "/api/v1/invites", { body: {} })).body.code as string;
    const next = await coordinator.join({ name: nameOf("gone"), token: invite });
    expect(next.nodeId).not.toBe(gone.nodeId);
    expect(await refusalOf(coordinator.rejoin(gone))).not.toBe("let in");
  });

  test("is not taken by a second agent with the same identity while the first lives", async () => {
    const joining = coordinator.rejoin(victim, { instance: nextInstance() });
    expect(await refusalOf(joining)).toBe("NODE_ALREADY_LINKED");
    await settled(victim);
  });
});
