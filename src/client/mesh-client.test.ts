import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { MeshError } from "../protocol/errors.ts";
import { contract } from "../protocol/http/contract.ts";
import type { TaskId } from "../protocol/ids.ts";
import { Secret } from "../protocol/secret.ts";
import { createMeshClient, type MeshClientOptions, type RouteEvent } from "./index.ts";

type Handler = (request: Request) => Response | Promise<Response>;
let handle: Handler = () => new Response("no handler", { status: 500 });
const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => handle(request) });
afterAll(() => server.stop(true));
beforeEach(() => {
  handle = () => new Response("no handler", { status: 500 });
});

const baseUrl = `http://127.0.0.1:${server.port}`;
const messageId = `task_${"0".repeat(32)}`;
const nodeId = `node_${"1".repeat(32)}`;
/** A route with a body whose answer is as small as that of getHealth. */
const writing = {
  method: "POST",
  path: contract.createInvite.path,
  status: 201,
  body: contract.createInvite.body,
} as const;
const answer = {
  message_id: messageId,
  node_id: nodeId,
  node_name: "mac",
  response: "你好",
  attempts: 1,
  duration_ms: 2,
};

function client(options: Partial<MeshClientOptions> = {}) {
  return createMeshClient({ baseUrl: `${baseUrl}/`, token: new Secret("secret"), fetch, ...options });
}

async function failureOf(action: Promise<unknown>): Promise<MeshError> {
  const error = await action.then(
    () => new Error("nothing was thrown"),
    (reason: unknown) => reason,
  );
  if (error instanceof MeshError) return error;
  throw error;
}

const health = () => client().call(contract.getHealth, {});

describe("a call", () => {
  test("sends method, path, token and body as the contract says, and returns the parsed answer", async () => {
    const seen: unknown[] = [];
    handle = async (request) => {
      const { method, url, headers } = request;
      seen.push(method, new URL(url).pathname, headers.get("authorization"), await request.json());
      return Response.json(
        { status: "ok", mesh_id: `mesh_${"2".repeat(32)}`, version: "1.2.3" },
        { status: 201 },
      );
    };
    const route = { ...contract.getHealth, ...writing };
    const result = await client().call(route, { body: { ttl_s: 60 } });
    expect(result.version).toBe("1.2.3");
    expect(seen).toEqual(["POST", "/api/v1/invites", "Bearer secret", { ttl_s: 60 }]);
  });

  test("escapes path parameters", async () => {
    let path = "";
    handle = (request) => {
      path = new URL(request.url).pathname;
      return new Response(null, { status: 204 });
    };
    await client().call(contract.removeNode, { params: { id: "a/../b ü" } });
    expect(path).toBe("/api/v1/nodes/a%2F..%2Fb%20%C3%BC");
  });

  test("follows the pages of a list", async () => {
    const cursors: (string | null)[] = [];
    handle = (request) => {
      const cursor = new URL(request.url).searchParams.get("cursor");
      cursors.push(cursor);
      const link = cursor === null ? '</api/v1/nodes?cursor=n%202>; rel="next"' : "";
      return Response.json([], { headers: { link } });
    };
    expect(await client().listNodes()).toEqual([]);
    expect(cursors).toEqual([null, "n 2"]);
  });

  test("turns an error answer into a MeshError with code, hint and request id", async () => {
    handle = () =>
      Response.json(
        {
          error: 'node "x" not found',
          code: "NODE_NOT_FOUND",
          hint: "look",
          request_id: "r1",
          details: { a: 1 },
        },
        { status: 404 },
      );
    const error = await failureOf(health());
    expect(error).toMatchObject({
      code: "NODE_NOT_FOUND",
      message: 'node "x" not found',
      hint: "look",
      exitCode: 5,
    });
    expect(error.details).toEqual({ a: 1, request_id: "r1" });
  });

  test("keeps the text of errors whose code it does not know", async () => {
    handle = () => Response.json({ error: "moon phase wrong", code: "MOON_PHASE" }, { status: 403 });
    expect(await failureOf(health())).toMatchObject({ code: "SCOPE_MISSING", message: "moon phase wrong" });
    handle = () => Response.json({ error: "unauthorized" }, { status: 401 });
    expect(await failureOf(health())).toMatchObject({ code: "TOKEN_INVALID", message: "unauthorized" });
  });

  test("says that nobody listens", async () => {
    const free = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
    const { port } = free;
    await free.stop(true);
    const error = await failureOf(
      client({ baseUrl: `http://127.0.0.1:${port}` }).call(contract.getHealth, {}),
    );
    expect(error).toMatchObject({ code: "COORDINATOR_UNREACHABLE", exitCode: 3 });
  });

  test.each([
    ["HTML", () => new Response("<html>hello</html>", { headers: { "content-type": "text/html" } })],
    ["a 404 page", () => new Response("not here", { status: 404 })],
    ["other JSON", () => Response.json({ hello: "world" })],
    ["a redirect", () => Response.redirect("http://example.com/")],
  ] as const)("recognises that %s is not a coordinator's answer", async (_, foreign) => {
    handle = foreign;
    expect((await failureOf(health())).code).toBe("NOT_A_COORDINATOR");
  });

  test.each([
    [
      "a 502 with Via",
      () => new Response("bad gateway", { status: 502, headers: { via: "1.1 squid" } }),
      null,
    ],
    [
      "a 502 while a proxy is in use",
      () => new Response("bad gateway", { status: 502 }),
      "http://u:p@proxy:1",
    ],
    ["a 403 while a proxy is in use", () => new Response("denied", { status: 403 }), "http://u:p@proxy:1"],
    ["a 407", () => new Response("", { status: 407 }), null],
  ] as const)("recognises a proxy in the way by %s", async (_, foreign, proxyUrl) => {
    handle = foreign;
    const error = await failureOf(client({ proxyUrl }).call(contract.getHealth, {}));
    expect(error.code).toBe("PROXY_IN_THE_WAY");
    expect(error.message).not.toContain("u:p");
  });

  test("gives up after its time", async () => {
    handle = () => new Promise(() => {});
    const error = await failureOf(client({ timeoutMs: 50 }).call(contract.getHealth, {}));
    expect(error.code).toBe("COORDINATOR_UNREACHABLE");
  });

  test("throws the reason of the caller's own abort", async () => {
    handle = () => new Promise(() => {});
    const reason = new Error("enough");
    const abort = new AbortController();
    const result = client().call(contract.getHealth, {}, { signal: abort.signal });
    abort.abort(reason);
    expect(await result.catch((error: unknown) => error)).toBe(reason);
  });
});

const sse = (...events: readonly (readonly [string, unknown])[]) =>
  events.map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`).join("");
const eventStream = (text: string) =>
  new Response(text, { headers: { "content-type": "text/event-stream; charset=utf-8" } });
const chunk = { attempt: 1, offset: 0, text: "你" };

describe("a streamed route", () => {
  async function collect(options: { target?: string; key?: string } = {}): Promise<RouteEvent[]> {
    const events: RouteEvent[] = [];
    const stream = client().streamRoute({
      target: options.target ?? null,
      message: { content: "hi" },
      ...(options.key === undefined ? {} : { idempotencyKey: options.key }),
    });
    for await (const event of stream) events.push(event);
    return events;
  }

  test("yields typed events in order, skips unknown ones, and ends with the result", async () => {
    handle = () =>
      eventStream(`: hello\n\n${sse(["chunk", chunk], ["news", {}], ["result", answer], ["chunk", chunk])}`);
    const events = await collect();
    expect(events.map(({ event }) => event)).toEqual(["chunk", "result"]);
    expect(events[1]?.data).toMatchObject({ response: "你好" });
  });

  test("puts characters together that the network cut in two", async () => {
    const bytes = new TextEncoder().encode(sse(["chunk", chunk], ["result", answer]));
    handle = () =>
      new Response(
        new ReadableStream({
          start: (controller) => {
            for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
            controller.close();
          },
        }),
        { headers: { "content-type": "text/event-stream" } },
      );
    expect((await collect())[0]?.data).toEqual(chunk);
  });

  test("asks for a stream, names the target and carries the idempotency key", async () => {
    let seen: unknown;
    handle = (request) => {
      const { headers, url } = request;
      seen = [new URL(url).pathname, headers.get("accept"), headers.get("idempotency-key")];
      return eventStream(sse(["result", answer]));
    };
    await collect({ target: "mac mini", key: "k1" });
    expect(seen).toEqual(["/api/v1/route/mac%20mini", "text/event-stream", "k1"]);
  });

  test("takes a plain JSON answer as the result", async () => {
    handle = () => Response.json(answer);
    expect((await collect()).map(({ event }) => event)).toEqual(["result"]);
  });

  test("throws a refusal that came before the stream", async () => {
    handle = () =>
      Response.json({ error: "no online nodes available", code: "NO_NODE_FITS" }, { status: 503 });
    expect(await failureOf(collect())).toMatchObject({ code: "NO_NODE_FITS", exitCode: 6 });
  });

  test("throws the error event of a stream", async () => {
    const body = { error: "no answer within 5 s", code: "MESSAGE_TIMEOUT", hint: "", request_id: "r" };
    handle = () => eventStream(sse(["chunk", chunk], ["error", body]));
    expect(await failureOf(collect())).toMatchObject({
      code: "MESSAGE_TIMEOUT",
      details: { request_id: "r" },
    });
  });

  test("tells a stream that was cut from one that ended", async () => {
    handle = () => eventStream(sse(["chunk", chunk]));
    expect((await failureOf(collect())).code).toBe("COORDINATOR_UNREACHABLE");
  });

  test("refuses events that are not what they say", async () => {
    handle = () => eventStream(sse(["chunk", { attempt: "one" }]));
    expect((await failureOf(collect())).code).toBe("NOT_A_COORDINATOR");
  });
});

describe("the stream of a task", () => {
  async function collect(lastEventId?: string): Promise<RouteEvent[]> {
    const events: RouteEvent[] = [];
    const request = { id: messageId as TaskId, ...(lastEventId === undefined ? {} : { lastEventId }) };
    for await (const event of client().streamTask(request)) events.push(event);
    return events;
  }

  test("is asked for where the last one broke, and gives the ids to go on from", async () => {
    const seen: unknown[] = [];
    handle = ({ method, url, headers }) => {
      seen.push([method, new URL(url).pathname, headers.get("accept"), headers.get("last-event-id")]);
      return eventStream(`id: m:1:0:1\n${sse(["chunk", chunk], ["result", answer])}`);
    };
    expect((await collect()).map(({ event, id }) => [event, id])).toEqual([
      ["chunk", "m:1:0:1"],
      ["result", undefined],
    ]);
    await collect("m:1:0:1");
    const path = `/api/v1/tasks/${messageId}/stream`;
    expect(seen).toEqual([
      ["GET", path, "text/event-stream", null],
      ["GET", path, "text/event-stream", "m:1:0:1"],
    ]);
  });

  test("throws a refusal, the error event, and the end of the connection", async () => {
    handle = () => Response.json({ error: "no such task", code: "TASK_NOT_FOUND" }, { status: 404 });
    expect((await failureOf(collect())).code).toBe("TASK_NOT_FOUND");
    handle = () =>
      eventStream(sse(["error", { error: "x", code: "MESSAGE_CANCELLED", hint: "", request_id: "r" }]));
    expect((await failureOf(collect())).code).toBe("MESSAGE_CANCELLED");
    handle = () => eventStream(sse(["chunk", chunk]));
    expect((await failureOf(collect())).code).toBe("COORDINATOR_UNREACHABLE");
    handle = () => Response.json({ fine: true });
    expect((await failureOf(collect())).code).toBe("NOT_A_COORDINATOR");
  });
});

describe("the tasks of a filter", () => {
  test("come page by page", async () => {
    const seen: string[] = [];
    handle = ({ url }) => {
      const { searchParams } = new URL(url);
      seen.push(searchParams.toString());
      return Response.json({ tasks: [], next_cursor: searchParams.has("cursor") ? null : "c 1" });
    };
    for await (const task of client().tasks({ state: "failed", dead_letter: "true" })) throw task;
    expect(seen).toEqual([
      "state=failed&dead_letter=true&limit=500",
      "state=failed&dead_letter=true&limit=500&cursor=c+1",
    ]);
  });

  test("end when the other side gives the same page for ever", async () => {
    handle = () => Response.json({ tasks: [], next_cursor: "again" });
    expect((await failureOf(client().tasks().next())).code).toBe("NOT_A_COORDINATOR");
  });
});
