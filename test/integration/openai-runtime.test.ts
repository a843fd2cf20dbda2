import { describe, expect, test } from "bun:test";
import { systemClock } from "../../src/platform/clock.ts";
import { createFetch } from "../../src/platform/http-fetch.ts";
import { createOpenaiRuntime, type OpenaiOptions } from "../../src/runtimes/openai/index.ts";
import type { RuntimeAttempt } from "../../src/runtimes/runtime.ts";
import { createAttempt, observeRun, within } from "../contract/runtime-subject.ts";
import { type OpenaiServer, startOpenaiServer } from "../support/openai-server.ts";

const createRuntime = (endpoint: string, parts: Partial<OpenaiOptions> = {}) =>
  createOpenaiRuntime({
    endpoint,
    apiKey: null,
    model: null,
    sessions: "auto",
    fetch: createFetch({ env: {} }),
    clock: systemClock,
    ...parts,
  });

async function ask(endpoint: string, content: string, parts: Partial<RuntimeAttempt & OpenaiOptions> = {}) {
  const run = observeRun(createRuntime(endpoint, parts), createAttempt(content, parts));
  return { outcome: await run.outcome, text: run.text() };
}

const session = { key: "0123456789abcdef".repeat(2), name: "lake" };

describe("the OpenAI adapter on the wire", () => {
  test("streams an answer piece by piece and takes the text of a server that does not stream", async () => {
    await using server = await startOpenaiServer();
    const run = observeRun(createRuntime(server.url), createAttempt("a b c"));
    expect(await run.outcome).toEqual({ kind: "succeeded", text: "You said: a b c" });
    expect(run.chunks.length).toBeGreaterThan(3);
    expect((await ask(server.url, "whole: all at once")).outcome).toEqual({
      kind: "succeeded",
      text: "all at once",
    });
  });

  test("uses the first model that chats, or the one that is named", async () => {
    await using server = await startOpenaiServer({ models: ["nomic-embed-text", "llama", "qwen"] });
    await ask(server.url, "one");
    await ask(server.url, "two", { model: "qwen" });
    expect(server.requests.map(({ body }) => body.model)).toEqual(["llama", "qwen"]);
  });

  test("refuses, without sending the message, when the server has no model", async () => {
    await using server = await startOpenaiServer({ models: [] });
    expect((await createRuntime(server.url).probe()).status).toMatchObject({ ready: false });
    expect((await ask(server.url, "hello")).outcome).toMatchObject({ failure: { class: "refused" } });
    expect(server.requests).toEqual([]);
  });

  test("sends the session as the user, and the attempt's key", async () => {
    await using server = await startOpenaiServer();
    const attempt = createAttempt("hello", { session });
    await observeRun(createRuntime(server.url), attempt).outcome;
    const [request] = server.requests;
    expect(request?.body.user).toBe(session.key);
    expect(request?.headers["idempotency-key"]).toBe(attempt.key);
    expect(request?.headers["x-openclaw-session-key"]).toBeUndefined();
  });

  test("keeps failed questions out of the session's history", async () => {
    await using server = await startOpenaiServer();
    const runtime = createRuntime(server.url);
    for (const content of ["first", "status 500", "third"]) {
      await observeRun(runtime, createAttempt(content, { session })).outcome;
    }
    const contents = server.requests.at(-1)?.body.messages.map(({ content }) => content);
    expect(contents).toEqual(["first", "You said: first", "third"]);
  });

  test("names the session to OpenClaw's endpoint, which keeps the history itself", async () => {
    await using server = await startOpenaiServer({ models: ["openclaw", "openclaw/default"] });
    const runtime = createRuntime(server.url);
    for (const content of ["first", "second"]) {
      await observeRun(runtime, createAttempt(content, { session })).outcome;
    }
    const last = server.requests.at(-1);
    expect(last?.headers["x-openclaw-session-key"]).toBe(`claw-mesh:${session.key}`);
    expect(last?.body).toEqual({
      model: "openclaw",
      messages: [{ role: "user", content: "second" }],
      stream: true,
    } as never);
  });

  test("says how to enable OpenClaw's endpoint when it is switched off", async () => {
    await using server = await startOpenaiServer({ isEnabled: false });
    for (const model of [null, "openclaw"]) {
      const { status } = await createRuntime(server.url, { model }).probe();
      expect(status.ready).toBe(false);
      expect(status.reason).toContain("gateway.http.endpoints.chatCompletions");
    }
    const { outcome } = await ask(server.url, "hello", { model: "openclaw" });
    expect(outcome).toMatchObject({ failure: { kind: "bad_request" } });
  });
});

describe("the OpenAI adapter and servers that keep conversations", () => {
  const talk = async (
    server: OpenaiServer,
    parts: Partial<OpenaiOptions>,
    attempts: readonly Partial<RuntimeAttempt>[],
  ) => {
    const runtime = createRuntime(server.url, parts);
    for (const attempt of attempts) await observeRun(runtime, createAttempt("hello", attempt)).outcome;
    return server.requests.map(({ body }) => body);
  };

  test("names the session to nanobot in the body, and gives every message without one its own", async () => {
    await using server = await startOpenaiServer({ keeper: "nanobot" });
    const bodies = await talk(server, {}, [{ session }, { session }, { session: null }, { session: null }]);
    expect(bodies.map(({ messages }) => messages.length)).toEqual([1, 1, 1, 1]);
    const names = bodies.map(({ session_id }) => session_id);
    expect(names.slice(0, 2)).toEqual([`claw-mesh:${session.key}`, `claw-mesh:${session.key}`]);
    expect(new Set(names.slice(2)).size).toBe(2);
    expect(bodies[0]?.user).toBeUndefined();
  });

  test("names the session to Hermes as a conversation of /v1/responses, and stores nothing without one", async () => {
    await using server = await startOpenaiServer({ keeper: "hermes" });
    const bodies = await talk(server, {}, [{ session }, { session: null }]);
    expect(bodies as unknown[]).toEqual([
      { model: "hermes", input: "hello", stream: true, conversation: `claw-mesh:${session.key}` },
      { model: "hermes", input: "hello", stream: true, store: false },
    ]);
  });

  test("names the session in a header where it is told to", async () => {
    await using server = await startOpenaiServer({ keeper: "header" });
    const bodies = await talk(server, { sessions: "header" }, [{ session }]);
    expect(server.requests[0]?.headers["x-session-key"]).toBe(`claw-mesh:${session.key}`);
    expect(bodies[0]?.messages).toHaveLength(1);
  });

  test("sends earlier turns again where it is told to, whatever the server is", async () => {
    await using server = await startOpenaiServer({ keeper: "hermes" });
    const bodies = await talk(server, { sessions: "history" }, [{ session }, { session }]);
    expect(bodies[1]?.messages.map(({ content }) => content)).toEqual(["hello", "You said: hello", "hello"]);
  });

  test("says how to enable OpenClaw's /v1/responses when it is switched off", async () => {
    await using server = await startOpenaiServer({ models: ["openclaw"] });
    const { outcome } = await ask(server.url, "hello", { sessions: "responses" });
    expect(outcome).toMatchObject({
      failure: { message: expect.stringContaining("gateway.http.endpoints.responses.enabled") },
    });
  });

  test("closes the request of /v1/responses when it is cancelled", async () => {
    await using server = await startOpenaiServer({ keeper: "hermes" });
    const run = observeRun(createRuntime(server.url), createAttempt("slow: work"));
    await run.firstChunk;
    run.stop("cancelled");
    expect(await run.outcome).toMatchObject({ kind: "lost", started: true, fenced: false });
    await server.firstAbort;
  });
});

describe("the OpenAI adapter and endings", () => {
  test("does not know the outcome when the connection breaks, or ends, in the middle", async () => {
    await using server = await startOpenaiServer();
    for (const content of ["cut: the story", "end: the story"]) {
      const { outcome, text } = await ask(server.url, content);
      expect(text).toBe("Half of the story");
      expect(outcome).toMatchObject({ kind: "lost", started: true, fenced: false });
    }
  });

  test("takes an answer that was complete before the connection broke", async () => {
    await using server = await startOpenaiServer();
    const { outcome } = await ask(server.url, "done after text: all of it");
    expect(outcome).toEqual({ kind: "succeeded", text: "all of it" });
  });

  test.each(["cancelled", "superseded"] as const)(
    "closes the request at once when it is %s, and does not claim that the server stopped",
    async (reason) => {
      await using server = await startOpenaiServer();
      const run = observeRun(createRuntime(server.url), createAttempt("slow: work"));
      await run.firstChunk;
      const text = run.text();
      run.stop(reason);
      expect(await within(1_000, run.outcome)).toMatchObject({ kind: "lost", started: true, fenced: false });
      await server.firstAbort;
      expect(run.text()).toBe(text);
    },
  );

  test("is cancelled for certain by OpenClaw's own endpoint, which stops a run with its request", async () => {
    await using server = await startOpenaiServer({ models: ["openclaw"] });
    const run = observeRun(createRuntime(server.url), createAttempt("slow: work"));
    await run.firstChunk;
    run.stop("cancelled");
    expect(await run.outcome).toEqual({ kind: "cancelled" });
    await server.firstAbort;
  });

  test("tells no text after it was stopped", async () => {
    const begun = Promise.withResolvers<void>();
    const more = Promise.withResolvers<void>();
    const encoder = new TextEncoder();
    const event = (content: string) =>
      encoder.encode(`data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`);
    // Has no part in the stop, as a server whose bytes were on their way already.
    const fetch: OpenaiOptions["fetch"] = async () => {
      const body = new ReadableStream({
        start: async (controller) => {
          controller.enqueue(event("before"));
          await more.promise;
          controller.enqueue(event(" after"));
          controller.close();
        },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    };
    const runtime = createRuntime("127.0.0.1:1", { fetch, model: "bird", sessions: "history" });
    const told: string[] = [];
    const controller = new AbortController();
    const outcome = runtime.run(createAttempt("hello"), {
      onChunk: ({ text }) => {
        told.push(text);
        begun.resolve();
      },
      onRecovering: () => {},
      signal: controller.signal,
    });
    await begun.promise;
    controller.abort("cancelled");
    more.resolve();
    await outcome;
    expect(told).toEqual(["before"]);
  });

  test("sends a message once, on a new connection, when the server hangs up on it", async () => {
    const models = JSON.stringify({ data: [{ id: "test" }] });
    const list = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${models.length}\r\n\r\n${models}`;
    const seen: string[] = [];
    let connections = 0;
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: () => {
          connections += 1;
        },
        data: (socket, bytes) => {
          seen.push(bytes.toString().split(" ")[0] ?? "");
          if (seen.at(-1) === "GET") socket.write(list);
          else socket.end();
        },
      },
    });
    const { outcome } = await ask(`127.0.0.1:${listener.port}`, "hello", { sessions: "history" });
    listener.stop(true);
    expect(outcome).toMatchObject({ kind: "lost", started: true });
    expect({ seen, connections }).toEqual({ seen: ["GET", "POST"], connections: 2 });
  });

  test("follows no redirect, which would carry the key elsewhere", async () => {
    await using target = await startOpenaiServer();
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => Response.redirect(`${target.url}${new URL(request.url).pathname}`, 307),
    });
    const { outcome } = await ask(`127.0.0.1:${server.port}`, "hello", { model: "test-model" });
    await server.stop(true);
    expect(outcome).toMatchObject({ kind: "failed", failure: { kind: "bad_request" } });
    expect(target.requests).toEqual([]);
  });
});
