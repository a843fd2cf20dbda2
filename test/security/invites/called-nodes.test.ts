import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { registerClassic, startClassicNode } from "../../support/classic-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

let mesh: TestCoordinator;
beforeEach(async () => {
  mesh = await createTestCoordinator();
});
afterEach(() => mesh[Symbol.asyncDispose]());

const url = () => `http://127.0.0.1:${mesh.port()}`;
const invite = async (): Promise<string> =>
  (await mesh.call("POST", "/api/v1/invites", { body: {} })).body.code;

interface Registered {
  readonly status: number;
  readonly nodeId: string;
  readonly token: string;
  readonly code: string;
}

async function register(bearer: string, name: string, endpoint: string): Promise<Registered> {
  const response = await registerClassic(url(), bearer, { name, endpoint });
  const body = (await response.json()) as Readonly<Record<string, string>>;
  return {
    status: response.status,
    nodeId: body.node_id ?? "",
    token: body.token ?? "",
    code: body.code ?? "",
  };
}

const beat = ({ nodeId, token }: Registered) =>
  mesh.call("POST", `/api/v1/nodes/${nodeId}/heartbeat`, { token, body: { status: "online" } });

describe("an invite of one use with which a called node has joined", () => {
  const endpoint = "127.0.0.1:9121";

  test("lets it in again while its answer may have been lost", async () => {
    const code = await invite();
    const first = await register(code, "victim", endpoint);
    const again = await register(code, "victim", endpoint);
    expect([again.status, again.nodeId]).toEqual([201, first.nodeId]);
  });

  test("lets nobody in, by the same name and endpoint either, when the node has shown its token", async () => {
    const code = await invite();
    const first = await register(code, "victim", endpoint);
    expect((await beat(first)).status).toBe(204);
    expect(await register(code, "victim", endpoint)).toMatchObject({ status: 401, code: "INVITE_INVALID" });
    expect((await beat(first)).status).toBe(204);
  });

  test("makes no new node of that name and endpoint when the first has left", async () => {
    const code = await invite();
    const first = await register(code, "victim", endpoint);
    await beat(first);
    const { nodeId, token } = first;
    expect((await mesh.call("DELETE", `/api/v1/nodes/${nodeId}`, { token })).status).toBe(204);
    expect(await register(code, "victim", endpoint)).toMatchObject({ status: 401, code: "INVITE_INVALID" });
  });
});

describe("a called node's own token, which goes over the wire", () => {
  const joinAt = async (host: string) => {
    const server = Bun.serve({ hostname: host, port: 0, fetch: () => Response.json({ status: "ok" }) });
    const endpoint = `${host}:${server.port}`;
    return { endpoint, server, node: await register(mesh.token, "victim", endpoint) };
  };
  const endpointOf = async () => (await mesh.call("GET", "/api/v1/nodes/victim")).body.endpoint;

  test("moves its endpoint to another port of the machine", async () => {
    const { node, server } = await joinAt("127.0.0.1");
    const moved = await register(node.token, "victim", "127.0.0.1:9300");
    expect([moved.status, moved.nodeId, await endpointOf()]).toEqual([201, node.nodeId, "127.0.0.1:9300"]);
    await server.stop(true);
  });

  test.each(["127.0.0.1:9300", "127.0.0.3:9300"])(
    "does not draw it to %s while the node answers",
    async (to) => {
      const { node, server, endpoint } = await joinAt("127.0.0.2");
      expect(await register(node.token, "victim", to)).toMatchObject({ status: 403, code: "SCOPE_MISSING" });
      expect(await endpointOf()).toBe(endpoint);
      await server.stop(true);
    },
  );

  test.each(["POST", "DELETE"])("does not draw it away after it has said so itself (%s)", async (method) => {
    const { node, server } = await joinAt("127.0.0.2");
    const path = `/api/v1/nodes/${node.nodeId}${method === "POST" ? "/heartbeat" : ""}`;
    const body = method === "POST" ? { body: { status: "offline" } } : {};
    expect((await mesh.call(method, path, { token: node.token, ...body })).status).toBe(204);
    const drawn = await register(node.token, "victim", "127.0.0.1:9300");
    expect(drawn).toMatchObject({ status: 403, code: "SCOPE_MISSING" });
    await server.stop(true);
  });

  test("moves it to the caller's machine when nobody answers at the old one, and to no third one", async () => {
    const { node, server } = await joinAt("127.0.0.2");
    await server.stop(true);
    expect(await register(node.token, "victim", "127.0.0.3:9300")).toMatchObject({ code: "SCOPE_MISSING" });
    expect((await register(node.token, "victim", "127.0.0.1:9300")).status).toBe(201);
  });

  test("is not needed by a classic node that comes back elsewhere with the admin token", async () => {
    const { node, server } = await joinAt("127.0.0.2");
    await server.stop(true);
    await using back = await startClassicNode({ coordinatorUrl: url(), bearer: mesh.token, name: "victim" });
    expect(back.nodeId).toBe(node.nodeId);
    await until("it answers", async () => (await mesh.send("hello")).body.response === "classic: hello");
  });
});
