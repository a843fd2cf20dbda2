import { describe, expect, test } from "bun:test";
import {
  type ClassicGateway,
  type ClassicNode,
  failingGateway,
  noGateway,
  registerClassic,
  startClassicNode,
} from "../../support/classic-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

const url = (mesh: TestCoordinator) => `http://127.0.0.1:${mesh.port()}`;

const join = (
  mesh: TestCoordinator,
  parts: { name?: string; gateway?: ClassicGateway; port?: number } = {},
) => startClassicNode({ coordinatorUrl: url(mesh), bearer: mesh.token, ...parts });

/** Ends the node, and keeps its port from whoever gets the next free one: there is somebody, who answers nothing. */
async function killForGood(node: ClassicNode): Promise<Disposable> {
  await node.kill();
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: node.port,
    socket: { open: (socket) => void socket.terminate(), data: () => {} },
  });
  return { [Symbol.dispose]: () => listener.stop(true) };
}

async function nodeInfo(mesh: TestCoordinator, name: string) {
  return (await mesh.call("GET", `/api/v1/nodes/${name}`)).body;
}

describe("a classic node", () => {
  test("joins with the admin token and answers messages", async () => {
    await using mesh = await createTestCoordinator();
    await using node = await join(mesh);
    expect(node.nodeId).toMatch(/^node_/);
    expect((await node.beat()).status).toBe(204);
    const answer = await mesh.send("hello");
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      node_id: node.nodeId,
      node_name: "old-mac",
      response: "classic: hello",
    });
    expect(await nodeInfo(mesh, "old-mac")).toMatchObject({
      transport: "direct",
      endpoint: node.endpoint,
      status: "online",
      slots: 4,
      capabilities: { tags: [], skills: [] },
      version: "classic",
    });
  });

  test("is sent exactly the fields that it knows, and its own token", async () => {
    await using mesh = await createTestCoordinator();
    await using node = await join(mesh);
    const { body } = await mesh.send('say "hi"\n你好', { parts: { source: "telegram:1", session: "家" } });
    const [message] = node.received;
    expect(message?.authorization).toBe(`Bearer ${node.token}`);
    expect(message?.contentType).toBe("application/json");
    const createdAt = String(message?.body.created_at);
    expect(createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    expect(message?.rawBody).toBe(
      `{"id":"${body.message_id}.1","content":"say \\"hi\\"\\n你好","source":"telegram:1","created_at":"${createdAt}"}`,
    );
  });

  test("that echoes for want of a gateway is shown as an echo node, and comes last from then on", async () => {
    await using mesh = await createTestCoordinator();
    await using _echo = await join(mesh, { name: "a-echo", gateway: noGateway });
    const first = await mesh.send("hello", { to: "a-echo" });
    expect(first.body.response).toBe("[claw-mesh] Gateway not available. Message: hello");
    expect((await nodeInfo(mesh, "a-echo")).runtimes).toMatchObject([{ kind: "echo" }]);
    await using _other = await join(mesh, { name: "b-real" });
    for (let count = 0; count < 3; count += 1)
      expect((await mesh.send("hello")).body.node_name).toBe("b-real");
  });

  test.each([
    ["gateway error", failingGateway, 502, "internal"],
    ["500", () => Response.json({ error: "no" }, { status: 500 }), 502, "internal"],
    ["503", () => Response.json({ error: "no" }, { status: 503 }), 502, "overloaded"],
    ["429", () => Response.json({ error: "no" }, { status: 429 }), 502, "overloaded"],
    ["401", () => Response.json({ error: "no" }, { status: 401 }), 502, "auth"],
    ["400", () => Response.json({ error: "no" }, { status: 400 }), 502, "bad_request"],
    ["413", () => new Response("no", { status: 413 }), 502, "bad_request"],
    ["a redirect", () => Response.redirect("http://169.254.169.254/", 302), 502, "internal"],
    ["HTML", () => new Response("<html>", { headers: { "content-type": "text/html" } }), 502, "internal"],
  ] as const)("whose answer is %s fails the message", async (_, gateway, status, kind) => {
    await using mesh = await createTestCoordinator();
    await using _node = await join(mesh, { gateway });
    const answer = await mesh.send("hello");
    expect(answer.status).toBe(status);
    const id = answer.body.details.message_id ?? answer.body.details.task_id;
    const task = await mesh.call("GET", `/api/v1/tasks/${id}`);
    expect(task.body.failure).toMatchObject({ class: "runtime_error", kind });
  });

  test("that is killed in the middle of a run loses it, and a safe message moves to a link node", async () => {
    await using mesh = await createTestCoordinator();
    const started = Promise.withResolvers<void>();
    await using node = await join(mesh, {
      name: "a-classic",
      gateway: () => {
        started.resolve();
        return new Promise<string>(() => {});
      },
    });
    const answer = mesh.send("work", { parts: { effects: "safe" } });
    await started.promise;
    const other = await mesh.join({ name: "b-link" });
    await node.kill();
    const offer = await other.next("offer");
    expect(offer.attempt).toBe(2);
    other.send({ type: "started", task: offer.task, attempt: 2 });
    other.send({ type: "result", task: offer.task, attempt: 2, length: 4, text: "done" });
    expect((await answer).body).toMatchObject({ response: "done", node_name: "b-link", attempts: 2 });
  });

  test("that is killed in the middle of a run leaves an unsafe message with its outcome unknown", async () => {
    await using mesh = await createTestCoordinator();
    const started = Promise.withResolvers<void>();
    await using node = await join(mesh, {
      gateway: () => {
        started.resolve();
        return new Promise<string>(() => {});
      },
    });
    const answer = mesh.send("work");
    await started.promise;
    await node.kill();
    expect((await answer).body.code).toBe("OUTCOME_UNKNOWN");
  });

  test("at which nobody listens any more never had the message, so that even an unsafe one moves", async () => {
    await using mesh = await createTestCoordinator();
    await using gone = await join(mesh, { name: "a-gone" });
    await gone.kill();
    await using _here = await join(mesh, { name: "b-here" });
    for (let count = 0; count < 4; count += 1) {
      expect((await mesh.send("work")).body).toMatchObject({ node_name: "b-here" });
    }
    const info = await nodeInfo(mesh, "a-gone");
    // Round robin: it is found out with the first message that goes there.
    if (info.status === "offline") expect(info.reason).toBe("offline");
  });

  test("that restarts registers again under its name and keeps its id", async () => {
    await using mesh = await createTestCoordinator();
    await using first = await join(mesh);
    await first.kill();
    await using second = await join(mesh, { port: first.port });
    expect(second.nodeId).toBe(first.nodeId);
    expect(second.token).not.toBe(first.token);
    expect((await mesh.send("again")).body.response).toBe("classic: again");
    expect((await first.beat("online", first.token)).status).toBe(401);
  });

  test("that registers again with its own token keeps its id and token", async () => {
    await using mesh = await createTestCoordinator();
    await using node = await join(mesh);
    const answer = await registerClassic(url(mesh), node.token, { name: "OLD-mac", endpoint: node.endpoint });
    expect(answer.status).toBe(201);
    expect(await answer.json()).toEqual({ node_id: node.nodeId, token: node.token });
    const other = await registerClassic(url(mesh), node.token, { name: "other", endpoint: node.endpoint });
    expect(other.status).toBe(403);
  });

  test("that comes back at another address takes its place when nobody answers at the old one", async () => {
    await using mesh = await createTestCoordinator();
    await using first = await join(mesh);
    using _held = await killForGood(first);
    await using second = await join(mesh);
    expect(second.port).not.toBe(first.port);
    expect(second.nodeId).toBe(first.nodeId);
    expect((await mesh.send("hello")).body.response).toBe("classic: hello");
  });

  test("makes way for a link of the same machine, and a link for it", async () => {
    await using mesh = await createTestCoordinator();
    await using classic = await join(mesh);
    using _held = await killForGood(classic);
    const linked = await mesh.join({ name: "old-mac" });
    expect(linked.nodeId as string).toBe(classic.nodeId);
    expect(await nodeInfo(mesh, "old-mac")).toMatchObject({
      transport: "link",
      endpoint: "link",
      status: "online",
    });
    await using again = await startClassicNode({
      coordinatorUrl: url(mesh),
      bearer: linked.token,
      name: "old-mac",
    });
    expect(again.nodeId).toBe(classic.nodeId);
    expect((await linked.closed).code).toBe(4410);
    await until("it is online", async () => (await nodeInfo(mesh, "old-mac")).status === "online", 3_000);
    expect((await mesh.send("hello")).body.response).toBe("classic: hello");
  });

  test("does not make way for a link while it answers", async () => {
    await using mesh = await createTestCoordinator();
    await using _classic = await join(mesh);
    const refused = mesh.join({ name: "old-mac" });
    expect(refused).rejects.toThrow();
    await refused.catch(() => {});
    expect((await nodeInfo(mesh, "old-mac")).transport).toBe("direct");
  });

  test("may not take the name of another one that is there", async () => {
    await using mesh = await createTestCoordinator();
    await using _node = await join(mesh);
    await mesh.join({ name: "linked" });
    const taken = await registerClassic(url(mesh), mesh.token, { name: "old-mac", endpoint: "127.0.0.1:1" });
    expect(taken.status).toBe(409);
    const linked = await registerClassic(url(mesh), mesh.token, { name: "linked", endpoint: "127.0.0.1:1" });
    expect(((await linked.json()) as { code: string }).code).toBe("NAME_TAKEN");
  });

  test("joins with an invite, once, and again while the answer may have been lost", async () => {
    await using mesh = await createTestCoordinator();
    const { code } = (await mesh.call("POST", "/api/v1/invites", { body: {} })).body;
    const place = { name: "guest", endpoint: "127.0.0.1:1" };
    const first = await registerClassic(url(mesh), code, place);
    expect(first.status).toBe(201);
    const again = await registerClassic(url(mesh), code, place);
    expect(again.status).toBe(201);
    const other = await registerClassic(url(mesh), code, { name: "other", endpoint: "127.0.0.1:1" });
    expect(other.status).toBe(401);
    const fresh = (await mesh.call("POST", "/api/v1/invites", { body: {} })).body;
    expect((await registerClassic(url(mesh), fresh.code, place)).status).toBe(409);
  });

  test("is back at once when the coordinator was restarted", async () => {
    await using mesh = await createTestCoordinator();
    await using node = await join(mesh);
    await mesh.restart();
    const answer = await mesh.send("after");
    expect(answer.body).toMatchObject({ node_id: node.nodeId, response: "classic: after" });
  });

  test("that says it goes offline gets nothing new, and what it runs still counts", async () => {
    await using mesh = await createTestCoordinator();
    const gate = Promise.withResolvers<string>();
    const started = Promise.withResolvers<void>();
    await using node = await join(mesh, {
      gateway: () => {
        started.resolve();
        return gate.promise;
      },
    });
    const running = mesh.send("work");
    await started.promise;
    expect((await node.beat("offline")).status).toBe(204);
    expect((await nodeInfo(mesh, "old-mac")).status).toBe("offline");
    gate.resolve("done");
    expect((await running).body.response).toBe("done");
    expect((await node.beat("online")).status).toBe(204);
    expect((await nodeInfo(mesh, "old-mac")).status).toBe("online");
  });

  test("that leaves is gone, and its name is free", async () => {
    await using mesh = await createTestCoordinator();
    await using node = await join(mesh);
    expect((await node.deregister()).status).toBe(204);
    expect((await mesh.call("GET", "/api/v1/nodes")).body).toEqual([]);
    await mesh.join({ name: "old-mac" });
  });

  test("that an operator removes has a void token and is called no more", async () => {
    await using mesh = await createTestCoordinator();
    await using node = await join(mesh);
    expect((await mesh.call("DELETE", "/api/v1/nodes/old-mac")).status).toBe(204);
    expect((await node.beat()).status).toBe(401);
    expect((await mesh.send("hello")).body.code).toBe("NO_NODE_FITS");
    expect(node.received).toEqual([]);
  });

  test("that is drained finishes what it runs, then leaves, and its heartbeats change nothing", async () => {
    await using mesh = await createTestCoordinator();
    const gate = Promise.withResolvers<string>();
    const started = Promise.withResolvers<void>();
    await using node = await join(mesh, {
      gateway: () => {
        started.resolve();
        return gate.promise;
      },
    });
    const running = mesh.send("work");
    await started.promise;
    await mesh.call("PATCH", "/api/v1/nodes/old-mac", { body: { scheduling: "draining" } });
    expect((await mesh.call("GET", "/api/v1/nodes")).body).toHaveLength(1);
    gate.resolve("done");
    expect((await running).body.response).toBe("done");
    await until("it has left", async () => (await mesh.call("GET", "/api/v1/nodes")).body.length === 0);
    expect((await node.beat()).status).toBe(204);
    expect((await mesh.call("GET", "/api/v1/nodes")).body).toEqual([]);
  });

  test("is stopped by the abort of its call when the message is cancelled", async () => {
    await using mesh = await createTestCoordinator();
    const started = Promise.withResolvers<string>();
    const gate = Promise.withResolvers<string>();
    await using _node = await join(mesh, {
      gateway: (_, { body }) => {
        started.resolve(String(body.id));
        return gate.promise;
      },
    });
    const running = mesh.send("work");
    const id = (await started.promise).split(".")[0];
    expect((await mesh.call("POST", `/api/v1/tasks/${id}/cancel`)).status).toBe(202);
    const answer = await running;
    expect(answer.body.code).toBe("MESSAGE_CANCELLED");
    gate.resolve("late");
    const task = await mesh.call("GET", `/api/v1/tasks/${id}`);
    expect(task.body).toMatchObject({ state: "cancelled", failure: { class: "outcome_unknown" } });
  });
});
