import { afterEach, describe, expect, test } from "bun:test";
import { systemClock } from "../../src/platform/clock.ts";
import { createFetch } from "../../src/platform/http-fetch.ts";
import { Secret } from "../../src/protocol/secret.ts";
import { createOpenaiRuntime, type OpenaiOptions } from "../../src/runtimes/openai/index.ts";
import type { Runtime, RuntimeAttempt } from "../../src/runtimes/runtime.ts";
import { createAttempt, observeRun } from "../contract/runtime-subject.ts";

const session = { key: "0123456789abcdef".repeat(2), name: "lake" };
const say = (runtime: Runtime, content: string, parts: Partial<RuntimeAttempt> = {}) =>
  observeRun(runtime, createAttempt(content, { session, ...parts })).outcome;

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** Body of a message, in either form of the API. */
interface Sent {
  readonly path: string;
  readonly conversation?: string;
  readonly session_id?: string;
  readonly messages?: readonly unknown[];
}

interface Answers {
  /** By path; others are 404. The last one stays. */
  readonly pages: Readonly<Record<string, readonly (() => Response)[]>>;
  readonly answerMs?: number;
}

/** A server whose pages answer as they are told, one after the other, and which says `ok` to every message. */
function startServer({ pages, answerMs = 0 }: Answers) {
  const sent: Sent[] = [];
  const keys: Record<string, string | null> = {};
  const counts: Record<string, number> = {};
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const path = new URL(request.url).pathname;
      keys[path] = request.headers.get("authorization");
      const count = counts[path] ?? 0;
      counts[path] = count + 1;
      const page = pages[path]?.[count] ?? pages[path]?.at(-1);
      if (page !== undefined) return page();
      if (request.method !== "POST") return new Response("", { status: 404 });
      sent.push({ path, ...((await request.json()) as object) });
      await Bun.sleep(answerMs);
      const content = [{ type: "output_text", text: "ok" }];
      return path === "/v1/responses"
        ? Response.json({ status: "completed", output: [{ type: "message", content }] })
        : Response.json({ choices: [{ message: { content: "ok" }, finish_reason: "stop" }] });
    },
  });
  stops.push(() => server.stop(true));
  const createRuntime = (parts: Partial<OpenaiOptions> = {}) =>
    createOpenaiRuntime({
      endpoint: `127.0.0.1:${server.port}`,
      apiKey: new Secret("sk-heron"),
      model: null,
      sessions: "auto",
      fetch: createFetch({ env: {} }),
      clock: systemClock,
      ...parts,
    });
  return { sent, keys, createRuntime };
}

const status = (code: number) => () => new Response("busy", { status: code });
const list = (owner: string) => () => Response.json({ data: [{ id: "bird", owned_by: owner }] });
const hermesHealth = () => Response.json({ status: "ok", platform: "hermes-agent", version: "0.19.2" });
const hermesOffers = (features: object) => () =>
  Response.json({ object: "hermes.api_server.capabilities", features });
const streamed = { responses_api: true, responses_streaming: true };
const hermes = {
  "/v1/models": [list("hermes")],
  "/health": [hermesHealth],
  "/v1/capabilities": [hermesOffers(streamed)],
};

describe("a server that does not say what it is", () => {
  test("gets no message, and is asked again by the next one: Hermes that starts", async () => {
    const server = startServer({ pages: { ...hermes, "/health": [status(503), hermesHealth] } });
    const runtime = server.createRuntime();
    expect(await say(runtime, "one")).toMatchObject({ kind: "failed", failure: { class: "refused" } });
    expect(server.sent).toEqual([]);
    for (const content of ["two", "three"]) await say(runtime, content);
    const conversation = `claw-mesh:${session.key}`;
    expect(server.sent).toMatchObject([
      { path: "/v1/responses", conversation },
      { path: "/v1/responses", conversation },
    ]);
  });

  test("gets no message: Hermes that does not tell what it offers", async () => {
    for (const code of [401, 403, 429, 500]) {
      const server = startServer({
        pages: { ...hermes, "/v1/capabilities": [status(code), hermesOffers(streamed)] },
      });
      const runtime = server.createRuntime();
      expect(await say(runtime, "one")).toMatchObject({ failure: { class: "refused" } });
      await say(runtime, "two");
      expect(server.sent.map(({ path }) => path)).toEqual(["/v1/responses"]);
    }
  });

  test("gets no message, with or without a session: nanobot that is busy", async () => {
    const pages = { "/v1/models": [status(503), status(429), list("nanobot")] };
    const server = startServer({ pages });
    const runtime = server.createRuntime({ model: "bird" });
    expect(await say(runtime, "one")).toMatchObject({ failure: { class: "refused" } });
    expect(await say(runtime, "two", { session: null })).toMatchObject({ failure: { class: "refused" } });
    expect(server.sent).toEqual([]);
    await say(runtime, "three");
    await say(runtime, "four", { session: null });
    expect(server.sent[0]?.session_id).toBe(`claw-mesh:${session.key}`);
    expect(server.sent[1]?.session_id).toStartWith("claw-mesh:task:");
  });

  test("says what is wrong with the key", async () => {
    const server = startServer({ pages: { "/v1/models": [status(401), list("nanobot")] } });
    const failure = { class: "runtime_error", kind: "auth", nothing_done: true };
    expect(await say(server.createRuntime({ model: "bird" }), "one")).toMatchObject({ failure });
    expect(server.sent).toEqual([]);
  });
});

describe("a server that is none of those that keep conversations", () => {
  test.each([404, 405, 401, 403, 501])("is told the history where /health is %d", async (code) => {
    const server = startServer({ pages: { "/v1/models": [list("somebody")], "/health": [status(code)] } });
    const runtime = server.createRuntime();
    await say(runtime, "one");
    await say(runtime, "two");
    expect(server.sent.map(({ messages }) => messages?.length)).toEqual([1, 3]);
  });

  test("is told the history without a list of models", async () => {
    const server = startServer({ pages: { "/v1/models": [status(404)] } });
    const runtime = server.createRuntime({ model: "bird" });
    await say(runtime, "one");
    await say(runtime, "two");
    expect(server.sent.map(({ messages }) => messages?.length)).toEqual([1, 3]);
  });
});

describe("Hermes", () => {
  test("is asked what it is without the key, and what it offers with it", async () => {
    const server = startServer({ pages: hermes });
    await say(server.createRuntime(), "one");
    expect(server.keys["/health"]).toBeNull();
    expect(server.keys["/v1/capabilities"]).toBe("Bearer sk-heron");
  });

  test.each([
    ["has no such page", status(404)],
    ["streams no responses", hermesOffers({ ...streamed, responses_streaming: false })],
  ])("is told the history where it %s", async (_, page) => {
    const server = startServer({ pages: { ...hermes, "/v1/capabilities": [page] } });
    await say(server.createRuntime(), "one");
    expect(server.sent.map(({ path }) => path)).toEqual(["/v1/chat/completions"]);
  });
});

describe("messages of one session", () => {
  test("go one after another, and those of others at the same time", async () => {
    const server = startServer({ pages: { "/v1/models": [list("vllm")] }, answerMs: 100 });
    const runtime = server.createRuntime();
    const other = { key: "f".repeat(32), name: "lake" };
    await Promise.all([say(runtime, "a"), say(runtime, "b"), say(runtime, "c", { session: other })]);
    expect(server.sent.map(({ messages }) => messages?.length)).toEqual([1, 1, 3]);
  });

  test("let go of one that waits, which the server then never sees", async () => {
    const server = startServer({ pages: { "/v1/models": [list("vllm")] }, answerMs: 200 });
    const runtime = server.createRuntime();
    const first = say(runtime, "first");
    const second = observeRun(runtime, createAttempt("second", { session }));
    second.stop("cancelled");
    expect(await second.outcome).toEqual({ kind: "cancelled" });
    expect(await first).toMatchObject({ kind: "succeeded" });
    expect(server.sent).toHaveLength(1);
  });

  test("keep an answer without text out of the history", async () => {
    const empty = () => Response.json({ choices: [{ message: { content: "" }, finish_reason: "stop" }] });
    const pages = { "/v1/models": [list("vllm")], "/v1/chat/completions": [empty] };
    const server = startServer({ pages });
    const seen: number[] = [];
    const fetch: OpenaiOptions["fetch"] = (url, init) => {
      if (init?.method === "POST") seen.push(JSON.parse(String(init.body)).messages.length);
      return createFetch({ env: {} })(url, init);
    };
    const runtime = server.createRuntime({ fetch });
    for (const content of ["one", "two"]) {
      expect(await say(runtime, content)).toMatchObject({ kind: "failed" });
    }
    expect(seen).toEqual([1, 1]);
  });
});

test("a response that is still worked on is lost, and no answer", async () => {
  const content = [{ type: "output_text", text: "half" }];
  const half = () => Response.json({ status: "in_progress", output: [{ type: "message", content }] });
  const server = startServer({ pages: { "/v1/models": [list("")], "/v1/responses": [half] } });
  const outcome = await say(server.createRuntime({ sessions: "responses" }), "one");
  expect(outcome).toMatchObject({ kind: "lost", started: true, fenced: false });
});
