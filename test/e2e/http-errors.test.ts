import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  type CallOptions,
  type CoordinatorProcess,
  createTestMesh,
  e2eTimeoutMs,
  type TestMesh,
} from "../support/mesh-process.ts";

setDefaultTimeout(e2eTimeoutMs);

let mesh: TestMesh;
let coordinator: CoordinatorProcess;
beforeAll(async () => {
  mesh = await createTestMesh();
  coordinator = await mesh.startCoordinator({ args: ["--local", "echo"] });
});
afterAll(() => mesh[Symbol.asyncDispose]());

interface Case {
  readonly what: string;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly options?: CallOptions;
  readonly status: number;
  readonly code: string;
}

const route = "/api/v1/route";
const nobody = "node_00000000000000000000000000000000";
const noTask = "task_00000000000000000000000000000000";
const noRule = "rule_00000000000000000000000000000000";
const post = (what: string, body: unknown, code = "BODY_INVALID", path = route): Case => ({
  what,
  method: "POST",
  path,
  body,
  status: 400,
  code,
});

const cases: readonly Case[] = [
  { ...post("malformed JSON", undefined, "BODY_NOT_JSON"), options: { rawBody: `{"content": "x"` } },
  { ...post("JSON that is text", undefined, "BODY_NOT_JSON"), options: { rawBody: "content=x" } },
  { ...post("no body at all", undefined, "BODY_NOT_JSON") },
  { ...post("an empty body", undefined, "BODY_NOT_JSON"), options: { rawBody: "" } },
  { ...post("bytes that are not UTF-8", undefined, "BODY_NOT_JSON"), options: { rawBody: "\u0000\u0001" } },
  post("a list in place of an object", []),
  post("null", null),
  post("a number for the content", { content: 5 }),
  post("no content", { source: "test" }),
  post("an empty content", { content: "" }),
  post("an unknown field", { content: "x", contnet: "y" }),
  post("an unknown requirement", { content: "x", requires: { gpus: 2 } }),
  post("a timeout of zero", { content: "x", timeout_s: 0 }),
  post("an unknown effect", { content: "x", effects: "maybe" }),
  post("__proto__ as a field", undefined),
  post("a rule without a match", { match: {} }, "RULE_INVALID", "/api/v1/rules"),
  post(
    "a wildcard beside others",
    { match: { wildcard: true, requires_gpu: true } },
    "RULE_INVALID",
    "/api/v1/rules",
  ),
  post("a bad pattern", { match: { content: "/(/" } }, "RULE_INVALID", "/api/v1/rules"),
  post(
    "an unknown strategy",
    { match: { wildcard: true }, strategy: "psychic" },
    "BODY_INVALID",
    "/api/v1/rules",
  ),
  {
    what: "a body over the limit",
    method: "POST",
    path: route,
    body: { content: "x".repeat(1_200_000) },
    status: 413,
    code: "BODY_TOO_LARGE",
  },
  {
    what: "a body far over the limit",
    method: "POST",
    path: route,
    body: { content: "x".repeat(9_000_000) },
    status: 413,
    code: "BODY_TOO_LARGE",
  },
  { what: "an unknown path", method: "GET", path: "/api/v1/nothing", status: 404, code: "ROUTE_NOT_FOUND" },
  { what: "a path outside the API", method: "GET", path: "/admin.php", status: 404, code: "ROUTE_NOT_FOUND" },
  {
    what: "a path that climbs",
    method: "GET",
    path: "/api/v1/../../etc/passwd",
    status: 404,
    code: "ROUTE_NOT_FOUND",
  },
  { what: "a wrong method", method: "PUT", path: route, body: {}, status: 405, code: "METHOD_NOT_ALLOWED" },
  {
    what: "another wrong method",
    method: "PATCH",
    path: "/api/v1/rules",
    status: 405,
    code: "METHOD_NOT_ALLOWED",
  },
  {
    what: "no token",
    method: "GET",
    path: "/api/v1/nodes",
    options: { token: null },
    status: 401,
    code: "TOKEN_MISSING",
  },
  {
    what: "a wrong token",
    method: "GET",
    path: "/api/v1/nodes",
    options: { token: "wrong" },
    status: 401,
    code: "TOKEN_INVALID",
  },
  {
    what: "another scheme than Bearer",
    method: "GET",
    path: "/api/v1/nodes",
    options: { token: null, headers: { authorization: "Basic YTpi" } },
    status: 401,
    code: "TOKEN_INVALID",
  },
  {
    what: "no token, though the body is wrong too",
    method: "POST",
    path: route,
    options: { token: null, rawBody: "{" },
    status: 401,
    code: "TOKEN_MISSING",
  },
  {
    what: "a bad query",
    method: "GET",
    path: "/api/v1/nodes?limit=many",
    status: 400,
    code: "QUERY_INVALID",
  },
  {
    what: "an id of the wrong form",
    method: "GET",
    path: "/api/v1/tasks/7",
    status: 400,
    code: "QUERY_INVALID",
  },
  {
    what: "an unknown node",
    method: "GET",
    path: `/api/v1/nodes/${nobody}`,
    status: 404,
    code: "NODE_NOT_FOUND",
  },
  {
    what: "an unknown task",
    method: "GET",
    path: `/api/v1/tasks/${noTask}`,
    status: 404,
    code: "TASK_NOT_FOUND",
  },
  {
    what: "an unknown rule",
    method: "DELETE",
    path: `/api/v1/rules/${noRule}`,
    status: 404,
    code: "RULE_NOT_FOUND",
  },
  {
    what: "an unknown group",
    method: "DELETE",
    path: "/api/v1/groups/nobody",
    status: 404,
    code: "GROUP_NOT_FOUND",
  },
  {
    what: "a message to an unknown node",
    method: "POST",
    path: `${route}/nobody`,
    body: { content: "x" },
    status: 404,
    code: "NODE_NOT_FOUND",
  },
  {
    what: "a message that no node fits",
    method: "POST",
    path: route,
    body: { content: "x", requires: { skills: ["telepathy"] } },
    status: 503,
    code: "NO_NODE_FITS",
  },
  {
    what: "the link without a WebSocket",
    method: "GET",
    path: "/api/v1/link",
    status: 426,
    code: "UPGRADE_REQUIRED",
  },
  {
    what: "an empty group",
    method: "PUT",
    path: "/api/v1/groups/empty",
    body: {},
    status: 400,
    code: "BODY_INVALID",
  },
];

describe("an error answer", () => {
  for (const { what, method, path, body, options, status, code } of cases) {
    test(`to ${what} is ${status} ${code}`, async () => {
      const sent =
        what === "__proto__ as a field"
          ? { rawBody: `{"content":"x","__proto__":{"y":1}}` }
          : (options ?? {});
      const answer = await coordinator.call(method, path, body, sent);
      expect({ status: answer.status, code: answer.body.code }).toEqual({ status, code });
      expect(answer.body).toEqual({
        error: expect.any(String),
        code,
        hint: expect.any(String),
        request_id: expect.any(String),
        ...(answer.body.details === undefined ? {} : { details: answer.body.details }),
      });
      expect(answer.body.error.length).toBeGreaterThan(5);
      expect(answer.body.hint.length).toBeGreaterThan(5);
      expect(answer.body.error).not.toMatch(/\bat .+:\d+:\d+|\$bunfs|TypeError/);
    });
  }

  test("names the field that is wrong", async () => {
    const { body } = await coordinator.call("POST", route, { content: "x", requires: { os: 7 } });
    expect(body.error + JSON.stringify(body.details)).toContain("requires.os");
  });

  test("tells the methods that a path has", async () => {
    const { headers } = await coordinator.call("DELETE", "/api/v1/rules");
    expect(headers.get("allow")?.split(", ").sort()).toEqual(["GET", "POST"]);
  });

  test("has another request id each time", async () => {
    const ids = await Promise.all(
      Array.from(
        { length: 5 },
        async () => (await coordinator.call("GET", "/api/v1/nothing")).body.request_id,
      ),
    );
    expect(new Set(ids).size).toBe(5);
  });

  test("comes for requests that are hardly HTTP, and kills nothing", async () => {
    for (const bytes of [
      "\u0000\u0001\u0002",
      "GET / HTTP/9.9\r\n\r\n",
      "POST /api/v1/route HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    ]) {
      await exchangeRaw(coordinator.port, bytes);
    }
    expect((await coordinator.call("GET", "/healthz")).status).toBe(200);
  });

  test("never makes the coordinator unusable: a message goes through after all of them", async () => {
    const { status } = await coordinator.call("POST", route, { content: "still there?" });
    expect(status).toBe(200);
    expect(coordinator.program().stderr()).not.toMatch(/INTERNAL|request failed/);
  });
});

describe("what needs no token", () => {
  test("is health, readiness and the description of the API, which is valid JSON", async () => {
    for (const path of ["/healthz", "/readyz", "/api/v1/openapi.json"]) {
      const { status, headers } = await coordinator.call("GET", path, undefined, { token: null });
      expect({ path, status }).toEqual({ path, status: 200 });
      expect(headers.get("content-type")).toContain("application/json");
    }
    const { body } = await coordinator.call("GET", "/api/v1/openapi.json");
    expect(body.openapi).toStartWith("3.1");
  });
});

/** Sends bytes and waits for the other side to answer or to close. */
async function exchangeRaw(port: number, bytes: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (opened) => void opened.write(bytes),
      data: () => resolve(),
      close: () => resolve(),
      error: () => resolve(),
    },
  });
  await Promise.race([promise, Bun.sleep(500)]);
  socket.end();
}
