import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { closeCodes, maxLinkMessageBytes } from "../../../src/protocol/link/v1/frames.ts";
import {
  type FakeNodeOptions,
  nextInstance,
  openFakeLink,
  readyRuntime,
  toHello,
  toRef,
} from "../../support/fake-node.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

let mesh: TestCoordinator;
beforeEach(async () => {
  mesh = await createTestCoordinator();
});
afterEach(() => mesh[Symbol.asyncDispose]());

const named = (name: string) => ({ name: name as NonNullable<FakeNodeOptions["name"]> });
const nodeInfo = async (idOrName: string) => (await mesh.call("GET", `/api/v1/nodes/${idOrName}`)).body;
const invite = async () => (await mesh.call("POST", "/api/v1/invites", { body: {} })).body.code as string;

describe("identity", () => {
  test("a node that comes back keeps its id, name, tags and place", async () => {
    const node = await mesh.join(named("keeper"));
    expect(node.welcome).toMatchObject({ returning: false, name: "keeper" });
    expect(node.token).toStartWith("cmn_");
    await mesh.call("PATCH", `/api/v1/nodes/${node.nodeId}`, { body: { add_tags: ["home"], weight: 3 } });
    await node.close();
    await mesh.restart();
    const returned = await mesh.rejoin(node, { instance: nextInstance() });
    expect(returned.welcome).toMatchObject({ returning: true, node_id: node.nodeId });
    expect(await nodeInfo("keeper")).toMatchObject({
      id: node.nodeId,
      status: "online",
      weight: 3,
      capabilities: { tags: ["home"] },
    });
  });

  test("a second machine cannot take a name, in any case, and its invite stays good for another name", async () => {
    await mesh.join(named("studio"));
    const token = await invite();
    await expect(mesh.join({ token, ...named("STUDIO") })).rejects.toMatchObject({
      code: closeCodes.alreadyLinked,
      reason: "NAME_TAKEN",
    });
    expect((await mesh.join({ token, ...named("studio-2") })).name).toBe("studio-2");
  });

  test("a node cannot take the name of a group", async () => {
    await mesh.call("PUT", "/api/v1/groups/macs", { body: { match: { os: "darwin" } } });
    await expect(mesh.join(named("Macs"))).rejects.toMatchObject({ reason: "NAME_TAKEN" });
  });

  test("two machines that join with one name at the same moment: one is let in", async () => {
    const joins = await Promise.allSettled([mesh.join(named("twin")), mesh.join(named("twin"))]);
    expect(joins.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  test("a removed node is out: its link is closed and its token is void", async () => {
    const node = await mesh.join();
    expect((await mesh.call("DELETE", `/api/v1/nodes/${node.nodeId}`)).status).toBe(204);
    expect((await node.closed).code).toBe(closeCodes.removed);
    await expect(openFakeLink({ port: mesh.port(), token: node.token })).rejects.toThrow();
    expect((await mesh.call("GET", "/api/v1/nodes")).body).toEqual([]);
  });

  test("a goodbye hides the node until it comes back", async () => {
    const node = await mesh.join(named("traveller"));
    node.send({ type: "goodbye", reason: "SIGTERM" });
    expect((await node.closed).code).toBe(closeCodes.done);
    expect((await mesh.call("GET", "/api/v1/nodes")).body).toEqual([]);
    expect((await mesh.rejoin(node)).nodeId).toBe(node.nodeId);
    expect(await nodeInfo("traveller")).toMatchObject({ status: "online" });
  });
});

test("a node that has left can still be removed, which makes its token void", async () => {
  const node = await mesh.join(named("gone"));
  node.send({ type: "goodbye", reason: "SIGTERM" });
  await node.closed;
  expect((await mesh.call("DELETE", "/api/v1/nodes/gone")).status).toBe(204);
  await expect(openFakeLink({ port: mesh.port(), token: node.token })).rejects.toThrow();
  expect((await mesh.call("DELETE", "/api/v1/nodes/gone")).status).toBe(404);
});

describe("an invite", () => {
  test("lets one agent in, once", async () => {
    const token = await invite();
    expect((await mesh.join({ token })).welcome.token).toStartWith("cmn_");
    await expect(mesh.join({ token })).rejects.toMatchObject({
      code: closeCodes.notAllowed,
      reason: "INVITE_INVALID",
    });
  });

  test("lets the same agent in again when the answer to its first try was lost", async () => {
    const token = await invite();
    const first = await mesh.join({ token, ...named("lossy") });
    const { instance } = first.hello;
    const again = await mesh.join({ token, instance, ...named("lossy") });
    expect(again.nodeId).toBe(first.nodeId);
    expect(again.welcome.token).toStartWith("cmn_");
    expect((await first.closed).code).toBe(closeCodes.replaced);
    expect((await mesh.call("GET", "/api/v1/nodes")).body).toHaveLength(1);
  });

  test("that is unknown does not even open the socket, and opens no other route", async () => {
    await expect(openFakeLink({ port: mesh.port(), token: "cmi_unknown" })).rejects.toThrow();
    const plain = await mesh.call("GET", "/api/v1/link", { token: "cmi_unknown" });
    expect(plain).toMatchObject({ status: 401, body: { code: "INVITE_INVALID" } });
    const sent = await mesh.send("hello", { token: await invite() });
    expect(sent).toMatchObject({ status: 403, body: { code: "SCOPE_MISSING" } });
  });
});

describe("a second link", () => {
  test("of the same agent process takes over at once; what runs goes on", async () => {
    const node = await mesh.join();
    const answering = mesh.send("carry over");
    const offer = await node.nextOffer();
    node.started(offer);
    const running = [{ ...toRef(offer), offset: 0, started_at: new Date().toISOString() }];
    const second = await mesh.rejoin(node, { running });
    expect((await node.closed).code).toBe(closeCodes.replaced);
    second.result(offer, "carried");
    expect((await answering).body.response).toBe("carried");
    expect((await nodeInfo(node.nodeId)).status).toBe("online");
  });

  test("of another agent process is refused while the first answers", async () => {
    const node = await mesh.join();
    await expect(mesh.rejoin(node, { instance: nextInstance() })).rejects.toMatchObject({
      code: closeCodes.alreadyLinked,
      reason: "NODE_ALREADY_LINKED",
    });
    const answering = mesh.send("still here");
    node.answer(await node.nextOffer(), "yes");
    expect((await answering).status).toBe(200);
  });

  test("of another agent process is let in when the first is dead behind a silent network", async () => {
    const proxy = await startTcpProxy(mesh.port());
    const node = await mesh.join({ port: proxy.port });
    proxy.goSilent(true);
    const second = await mesh.rejoin(node, { instance: nextInstance() });
    expect(second.nodeId).toBe(node.nodeId);
    const answering = mesh.send("to the living");
    second.answer(await second.nextOffer(), "it is me");
    expect((await answering).body.response).toBe("it is me");
    await proxy.stop();
  });

  test("that comes while the first is being let in leaves one link, and the other knows", async () => {
    const node = await mesh.join();
    await node.close();
    await until("offline", async () => (await nodeInfo(node.nodeId)).status === "offline");
    const both = await Promise.all([mesh.rejoin(node), mesh.rejoin(node)]);
    const loser = await Promise.race(both.map((link) => link.closed.then((close) => ({ link, close }))));
    expect(loser.close.code).toBe(closeCodes.replaced);
    const winner = both.find((link) => link !== loser.link);
    const answering = mesh.send("to the winner");
    winner?.answer(await winner.nextOffer(), "won");
    expect((await answering).body.response).toBe("won");
  });
});

describe("a node's token", () => {
  test("opens that node's own routes and nothing else", async () => {
    const node = await mesh.join(named("mine"));
    const other = await mesh.join(named("other"));
    const asNode = (method: string, path: string, body?: unknown) =>
      mesh.call(method, path, { token: node.token, ...(body === undefined ? {} : { body }) });
    expect((await asNode("GET", `/api/v1/nodes/${node.nodeId}`)).body.name).toBe("mine");
    for (const [method, path, body] of [
      ["GET", `/api/v1/nodes/${other.nodeId}`],
      ["GET", "/api/v1/nodes/other"],
      ["GET", "/api/v1/nodes/nobody"],
      ["DELETE", `/api/v1/nodes/${other.nodeId}`],
      ["PATCH", `/api/v1/nodes/${node.nodeId}`, { weight: 100 }],
      ["GET", "/api/v1/nodes"],
      ["POST", "/api/v1/route", { content: "x" }],
      ["GET", "/api/v1/rules"],
      ["POST", "/api/v1/invites", {}],
      ["GET", "/api/v1/tasks/task_00000000000000000000000000000000"],
    ] as const) {
      const { status, body: answer } = await asNode(method, path, body);
      expect({ path, status, code: answer.code }).toEqual({ path, status: 403, code: "SCOPE_MISSING" });
    }
    expect((await asNode("DELETE", `/api/v1/nodes/${node.nodeId}`)).status).toBe(204);
    expect((await node.closed).code).toBe(closeCodes.done);
  });

  test("makes the link that node's, whatever id the hello claims", async () => {
    const node = await mesh.join(named("honest"));
    const victim = await mesh.join(named("victim"));
    await node.close();
    const again = await mesh.rejoin(node, { node_id: victim.nodeId });
    expect(again.nodeId).toBe(node.nodeId);
    expect((await nodeInfo("victim")).status).toBe("online");
  });

  test("of an admin's rejoin is a new one, and the old one is void", async () => {
    const node = await mesh.join(named("renewed"));
    await node.close();
    const again = await mesh.rejoin(node, { token: mesh.token });
    expect(again.nodeId).toBe(node.nodeId);
    expect(again.token).not.toBe(node.token);
    const old = await mesh.call("GET", `/api/v1/nodes/${node.nodeId}`, { token: node.token });
    expect(old).toMatchObject({ status: 401, body: { code: "TOKEN_INVALID" } });
  });
});

describe("what breaks the protocol closes that link and no other", () => {
  const hello = JSON.stringify([toHello()]);
  const cases: readonly (readonly [string, readonly (string | Uint8Array<ArrayBuffer>)[]])[] = [
    ["text that is no JSON", ["hello"]],
    ["JSON that is no array", ["{}"]],
    ["a frame without a type", ["[{}]"]],
    ["another frame before hello", [JSON.stringify([{ type: "pong" }])]],
    ["a hello that does not fit", [JSON.stringify([{ ...toHello(), slots: 0 }])]],
    ["a hello with a name of blanks", [JSON.stringify([{ ...toHello(), name: "  " }])]],
    ["a second hello", [hello, hello]],
    ["a binary message", [new Uint8Array([1, 2, 3])]],
    ["a very deep array", [`[${"[".repeat(100_000)}`]],
    [
      "a result with a negative length",
      [hello, '[{"type":"result","task":"task_0","attempt":1,"length":-1}]'],
    ],
  ];
  for (const [what, messages] of cases) {
    test(what, async () => {
      const good = await mesh.join();
      const bad = await openFakeLink({ port: mesh.port(), token: mesh.token });
      for (const message of messages) bad.sendRaw(message);
      expect((await bad.closed).code).toBe(closeCodes.protocolError);
      const answering = mesh.send("unharmed", { to: good.nodeId });
      good.answer(await good.nextOffer(), "yes");
      expect((await answering).body.response).toBe("yes");
    });
  }

  test("a message over 4 MiB", async () => {
    const good = await mesh.join();
    const bad = await openFakeLink({ port: mesh.port(), token: mesh.token });
    bad.sendRaw(`["${"x".repeat(maxLinkMessageBytes)}"]`);
    await bad.closed;
    expect((await nodeInfo(good.nodeId)).status).toBe("online");
  });

  test("a version that the coordinator does not speak", async () => {
    await expect(mesh.join({ versions: [99] })).rejects.toMatchObject({
      code: closeCodes.versionMismatch,
      reason: "VERSION_UNSUPPORTED",
    });
  });

  test("unknown frames and fields do not close it", async () => {
    const node = await mesh.join();
    node.sendRaw(
      JSON.stringify([
        { type: "from_the_future", x: 1 },
        { type: "pong", y: 2 },
      ]),
    );
    const answering = mesh.send("still linked");
    node.answer(await node.nextOffer(), "yes");
    expect((await answering).status).toBe(200);
  });
});

describe("health", () => {
  test("status frames change load, slots and readiness; a node without a ready runtime gets nothing", async () => {
    const node = await mesh.join(named("patient"));
    const sick = { ...node.hello.runtimes[0], ready: false, reason: "the gateway is down" };
    const load = { in_flight: 0, cpu: 0.5, memory: 0.25 };
    node.send({ type: "status", load, slots: 7, runtimes: [sick as never], recovering: [] });
    await until("not ready", async () => (await nodeInfo("patient")).ready === false);
    expect(await nodeInfo("patient")).toMatchObject({
      status: "online",
      reason: "the gateway is down",
      slots: 7,
      load,
    });
    expect((await mesh.send("anyone")).body).toMatchObject({ code: "NO_NODE_FITS" });
    node.send({ type: "status", load, slots: 7, runtimes: [...node.hello.runtimes], recovering: [] });
    await until("ready", async () => (await nodeInfo("patient")).ready === true);
  });

  test("runs of others in a node's gateway make it the busier one", async () => {
    const [shared, free] = [await mesh.join(named("a-shared")), await mesh.join(named("b-free"))];
    const runtime = { ...readyRuntime, active: 3, queued: 1 };
    const load = { in_flight: 1, cpu: 0, memory: 0 };
    shared.send({ type: "status", load, slots: 4, runtimes: [runtime], recovering: [] });
    await until("loaded", async () => (await nodeInfo("a-shared")).load?.in_flight === 1);
    const answering = mesh.send("anyone");
    free.answer(await free.nextOffer(), "me");
    expect((await answering).body.node_name).toBe("b-free");
    const explained = await mesh.call("POST", "/api/v1/route/explain", {
      body: { content: "x", source: "s" },
    });
    expect(explained.body.ranking[1].why).toContain("3 runs of others");
  });

  test("a node is busy when its slots are full and offline as soon as its link closes", async () => {
    const node = await mesh.join({ slots: 1, ...named("small") });
    const answering = mesh.send("fill it");
    const offer = await node.nextOffer();
    expect((await nodeInfo("small")).status).toBe("busy");
    node.answer(offer, "done");
    await answering;
    expect((await nodeInfo("small")).status).toBe("online");
    await node.close();
    await until("offline", async () => (await nodeInfo("small")).status === "offline");
    expect((await mesh.send("to it", { to: "small" })).body.code).toBe("NODE_OFFLINE");
  });

  test("capabilities that change are routed by at once", async () => {
    const node = await mesh.join();
    const asked = { parts: { requires: { gpu: true } } };
    expect((await mesh.send("train", asked)).body.code).toBe("NO_NODE_FITS");
    node.send({ type: "capabilities", capabilities: { ...node.hello.capabilities, gpu: true } });
    await until("gpu", async () => (await nodeInfo(node.nodeId)).capabilities.gpu);
    const answering = mesh.send("train", asked);
    node.answer(await node.nextOffer("train"), "trained");
    expect((await answering).status).toBe(200);
  });
});
