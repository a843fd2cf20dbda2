import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createConnection } from "node:net";
import { type Log, silentLog } from "../../../src/platform/log.ts";
import {
  type Answer,
  type CallOptions,
  createTestCoordinator,
  type TestCoordinator,
} from "../../support/test-coordinator.ts";

/** What the coordinator logged as a fault of its own. */
const faults: string[] = [];
const log: Log = { ...silentLog, error: (text, facts) => faults.push(`${text} ${JSON.stringify(facts)}`) };

let mesh: TestCoordinator;
beforeAll(async () => {
  mesh = await createTestCoordinator({ log });
});
afterAll(() => mesh[Symbol.asyncDispose]());

const route = "/api/v1/route";
const message = { content: "x" };
const megabyte = 1024 * 1024;

/** A body whose length is not told before. */
function chunked(bytes: number): ReadableStream<Uint8Array> {
  let left = bytes;
  return new ReadableStream({
    pull: (controller) => {
      const size = Math.min(left, 64 * 1024);
      left -= size;
      if (size > 0) controller.enqueue(new Uint8Array(size).fill(0x20));
      else controller.close();
    },
  });
}

interface Case {
  readonly what: string;
  readonly call: readonly [method: string, path: string, options?: CallOptions];
  readonly status: number;
  readonly code: string;
}

const body = (what: string, value: unknown, code = "BODY_INVALID", path = route): Case => ({
  what,
  call: ["POST", path, { body: value }],
  status: 400,
  code,
});
const raw = (what: string, rawBody: NonNullable<CallOptions["rawBody"]>): Case => ({
  what,
  call: ["POST", route, { rawBody }],
  status: 400,
  code: "BODY_NOT_JSON",
});
const other = (what: string, call: Case["call"], status: number, code: string): Case => ({
  what,
  call,
  status,
  code,
});

const tasks = "/api/v1/tasks";
const noTask = `${tasks}/task_${"0".repeat(32)}`;

const queueCases: readonly Case[] = [
  body("a queued message without content", { priority: 1 }, "BODY_INVALID", tasks),
  body("a queued message that is a list", [message], "BODY_INVALID", tasks),
  body(
    "a queued message for the day before yesterday",
    { ...message, expires_at: "2020-01-01T00:00:00Z" },
    "BODY_INVALID",
    tasks,
  ),
  body("a priority that is none", { ...message, priority: 11 }, "BODY_INVALID", route),
  body("a retry policy that is none", { ...message, retry: { max_attempts: 0 } }, "BODY_INVALID", route),
  body("an edit of nothing known", { contents: "x" }, "BODY_INVALID", `${noTask}/retry`),
  body("an edit that is null", null, "BODY_INVALID", `${noTask}/retry`),
  body("a bulk call about nothing", {}, "BODY_INVALID", `${tasks}/retry`),
  other("a queued message of no bytes", ["POST", tasks, { rawBody: "" }], 400, "BODY_NOT_JSON"),
  other("a bulk call of no bytes", ["POST", `${tasks}/cancel`, { rawBody: "" }], 400, "BODY_NOT_JSON"),
  other("an edit that is no JSON", ["POST", `${noTask}/retry`, { rawBody: "{" }], 400, "BODY_NOT_JSON"),
  other(
    "a queued message for nobody",
    ["POST", tasks, { body: { ...message, target: "nobody" } }],
    404,
    "NODE_NOT_FOUND",
  ),
  other(
    "a queued message with an empty key",
    ["POST", tasks, { body: message, headers: { "idempotency-key": "" } }],
    400,
    "BODY_INVALID",
  ),
  other(
    "a queued message without a token",
    ["POST", tasks, { body: message, token: null }],
    401,
    "TOKEN_MISSING",
  ),
  other("a list by an unknown condition", ["GET", `${tasks}?x=1`], 400, "QUERY_INVALID"),
  other("a list from a bad cursor", ["GET", `${tasks}?cursor=%00`], 400, "QUERY_INVALID"),
  other("a list without a token", ["GET", tasks, { token: null }], 401, "TOKEN_MISSING"),
  other("a stream of an unknown task", ["GET", `${noTask}/stream`], 404, "TASK_NOT_FOUND"),
  other("a stream of what is no task", ["GET", `${tasks}/1/stream`], 400, "QUERY_INVALID"),
  other("a stream without a token", ["GET", `${noTask}/stream`, { token: null }], 401, "TOKEN_MISSING"),
  other("a retry of an unknown task", ["POST", `${noTask}/retry`], 404, "TASK_NOT_FOUND"),
  other("a retry of what is no task", ["POST", `${tasks}/1/retry`], 400, "QUERY_INVALID"),
  other("a discard of an unknown task", ["POST", `${noTask}/discard`], 404, "TASK_NOT_FOUND"),
  other("a cancel of an unknown task", ["POST", `${noTask}/cancel`], 404, "TASK_NOT_FOUND"),
  other("a wrong method for a bulk call", ["PUT", `${tasks}/cancel`], 405, "METHOD_NOT_ALLOWED"),
  other("a wrong method for the queue", ["DELETE", tasks], 405, "METHOD_NOT_ALLOWED"),
];

const cases: readonly Case[] = [
  raw("malformed JSON", '{"content": "x"'),
  raw("no JSON", "content=x"),
  raw("an empty body", ""),
  raw("bytes that are no text", new Uint8Array([0xff, 0xfe, 0x00])),
  raw("JSON cut within a very deep array", "[".repeat(500_000)),
  body("an array", [message]),
  body("null", null),
  body("a number for the content", { content: 5 }),
  body("an empty content", { content: "" }),
  body("an unknown field", { ...message, contnet: "y" }),
  body("an unknown requirement", { ...message, requires: { gpus: 2 } }),
  body("a timeout of zero", { ...message, timeout_s: 0 }),
  body("a label that is no text", { ...message, labels: { a: 1 } }),
  body(
    "a strategy that does not exist",
    { match: { wildcard: true }, strategy: "best" },
    "BODY_INVALID",
    "/api/v1/rules",
  ),
  body("an invite for a second", { ttl_s: 1 }, "BODY_INVALID", "/api/v1/invites"),
  other(
    "a body over the limit",
    ["POST", route, { body: { content: "x".repeat(megabyte) } }],
    413,
    "BODY_TOO_LARGE",
  ),
  other(
    "a body far over the limit",
    ["POST", route, { body: { content: "x".repeat(12 * megabyte) } }],
    413,
    "BODY_TOO_LARGE",
  ),
  other(
    "a body over the limit that does not tell its length",
    ["POST", route, { rawBody: chunked(2 * megabyte) }],
    413,
    "BODY_TOO_LARGE",
  ),
  other(
    "a body far over the limit that does not tell its length",
    ["POST", route, { rawBody: chunked(12 * megabyte) }],
    413,
    "BODY_TOO_LARGE",
  ),
  other("a wrong method", ["GET", route], 405, "METHOD_NOT_ALLOWED"),
  other("a method that no path takes", ["OPTIONS", "/api/v1/nodes"], 405, "METHOD_NOT_ALLOWED"),
  other("a wrong method with a path parameter", ["PUT", "/api/v1/nodes/x"], 405, "METHOD_NOT_ALLOWED"),
  other("an unknown path", ["GET", "/api/v1/nothing"], 404, "ROUTE_NOT_FOUND"),
  other("the root", ["GET", "/favicon.ico", { token: null }], 404, "ROUTE_NOT_FOUND"),
  other("no token", ["POST", route, { body: message, token: null }], 401, "TOKEN_MISSING"),
  other("a wrong token", ["POST", route, { body: message, token: "wrong" }], 401, "TOKEN_INVALID"),
  other(
    "a node token that does not exist",
    ["GET", "/api/v1/nodes", { token: "cmn_x" }],
    401,
    "TOKEN_INVALID",
  ),
  other(
    "an authorization that is no bearer",
    ["GET", "/api/v1/nodes", { token: null, headers: { authorization: "Basic YTpi" } }],
    401,
    "TOKEN_INVALID",
  ),
  other("a link without an upgrade", ["GET", "/api/v1/link"], 426, "UPGRADE_REQUIRED"),
  other("a link without a token", ["GET", "/api/v1/link", { token: null }], 401, "TOKEN_MISSING"),
  other("an unknown node", ["GET", "/api/v1/nodes/nobody"], 404, "NODE_NOT_FOUND"),
  other(
    "a message to an unknown node",
    ["POST", `${route}/nobody`, { body: message }],
    404,
    "NODE_NOT_FOUND",
  ),
  other("a node name of broken percent signs", ["GET", "/api/v1/nodes/%zz%E0%A4"], 404, "NODE_NOT_FOUND"),
  other(
    "an unknown task",
    ["GET", "/api/v1/tasks/task_00000000000000000000000000000000"],
    404,
    "TASK_NOT_FOUND",
  ),
  other("a task id that is none", ["GET", "/api/v1/tasks/1"], 400, "QUERY_INVALID"),
  other("a rule id that is none", ["DELETE", "/api/v1/rules/1"], 400, "QUERY_INVALID"),
  other(
    "an unknown rule",
    ["DELETE", "/api/v1/rules/rule_00000000000000000000000000000000"],
    404,
    "RULE_NOT_FOUND",
  ),
  other("an unknown group", ["DELETE", "/api/v1/groups/nobody"], 404, "GROUP_NOT_FOUND"),
  other(
    "a group name that cannot be",
    ["PUT", "/api/v1/groups/a%20b", { body: { nodes: ["x"] } }],
    400,
    "QUERY_INVALID",
  ),
  other("a page of no nodes", ["GET", "/api/v1/nodes?limit=0"], 400, "QUERY_INVALID"),
  other("a query that nobody reads", ["GET", "/api/v1/nodes?tag=gpu"], 400, "QUERY_INVALID"),
  ...queueCases,
  other("no node at all", ["POST", route, { body: message }], 503, "NO_NODE_FITS"),
];

function expectError(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, code: answer.body?.code }).toEqual({ status, code });
  expect(answer.body.error).toBeString();
  expect(answer.body.hint).not.toBe("");
  expect(answer.body.request_id).toStartWith("req_");
  expect(answer.text).not.toContain("    at ");
}

describe("has its own error", () => {
  for (const { what, call, status, code } of cases) {
    test(what, async () => {
      expectError(await mesh.call(...call), status, code);
    });
  }

  test("the Allow header names the methods of a path, a 401 says what it wants", async () => {
    const nodes = await mesh.call("POST", "/api/v1/nodes/x");
    expect(nodes.headers.get("allow")?.split(", ").toSorted()).toEqual(["DELETE", "GET", "PATCH"]);
    expect((await mesh.call("GET", "/api/v1/nodes", { token: null })).headers.get("www-authenticate")).toBe(
      "Bearer",
    );
  });
});

/** The first line and the body of the answer to bytes that no client library would send. */
async function exchange(request: string): Promise<string> {
  const socket = createConnection({ host: "127.0.0.1", port: mesh.port() });
  const answer = Promise.withResolvers<string>();
  let text = "";
  socket.on("data", (bytes) => {
    text += bytes.toString();
    if (text.includes("\r\n\r\n")) answer.resolve(text);
  });
  socket.on("close", () => answer.resolve(text));
  socket.on("error", () => answer.resolve(text));
  socket.write(request);
  try {
    return await answer.promise;
  } finally {
    socket.destroy();
  }
}

describe("odd bytes", () => {
  const authorized = `Authorization: Bearer test-admin-token\r\n`;
  for (const [what, request, expected] of [
    ["a Host that is none", "GET /nothing HTTP/1.1\r\nHost: %%%\r\n\r\n", "400"],
    [
      "a Host that is none, where a query is read",
      `GET /api/v1/nodes?limit=1 HTTP/1.1\r\nHost: ::::\r\n${authorized}\r\n`,
      "400",
    ],
    ["no HTTP", "hello\r\n\r\n", ""],
    [
      "a length that is no number",
      `POST ${route} HTTP/1.1\r\nHost: x\r\n${authorized}Content-Length: many\r\n\r\n{}`,
      "400",
    ],
    [
      "a length of a gigabyte",
      `POST ${route} HTTP/1.1\r\nHost: x\r\n${authorized}Content-Length: 1073741824\r\n\r\n{}`,
      "413",
    ],
  ] as const) {
    test(`${what} harms nobody`, async () => {
      const answer = await exchange(request);
      expect(answer.split(" ")[1] ?? "").toStartWith(expected);
      expect(answer).not.toContain("500 ");
      expect((await mesh.call("GET", "/healthz")).body.status).toBe("ok");
    });
  }

  test("a client that leaves in the middle of its body harms nobody", async () => {
    const socket = createConnection({ host: "127.0.0.1", port: mesh.port() });
    socket.write(`POST ${route} HTTP/1.1\r\nHost: x\r\n${authorized}Content-Length: 1000\r\n\r\n{"content":`);
    await new Promise((resolve) => socket.once("ready", resolve));
    socket.destroy();
    expect((await mesh.call("GET", "/healthz")).status).toBe(200);
    expect((await mesh.call("GET", "/healthz")).status).toBe(200);
    expect(faults).toEqual([]);
  });
});

describe("service routes", () => {
  test("are open: health, readiness and the description of the API", async () => {
    for (const path of ["/healthz", "/readyz", "/api/v1/openapi.json"]) {
      expect((await mesh.call("GET", path, { token: null })).status).toBe(200);
    }
    expect((await mesh.call("GET", "/healthz")).body).toMatchObject({ status: "ok", version: "test" });
  });

  test("an invite names addresses and when it ends", async () => {
    const { status, body } = await mesh.call("POST", "/api/v1/invites", { body: { ttl_s: 60 } });
    expect(status).toBe(201);
    expect(body.code).toStartWith("cmi_");
    expect(body.urls).toEqual([`http://127.0.0.1:${mesh.port()}`]);
    expect(Date.parse(body.expires_at) - Date.now()).toBeWithin(50_000, 61_000);
  });

  test.each(["localhost", "0.0.0.0"])(
    "of %s name no localhost, which may lead to another program",
    async (host) => {
      await using other = await createTestCoordinator({ host });
      const { body } = await other.call("POST", "/api/v1/invites", { body: {} });
      expect(body.urls).toContain(`http://127.0.0.1:${other.port()}`);
      expect(body.urls.join()).not.toContain("localhost");
    },
  );
});
