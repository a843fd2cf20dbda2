import { afterEach, describe, expect, test } from "bun:test";
import { type Log, silentLog } from "../../../src/platform/log.ts";
import type { Runtime, RuntimeAttempt } from "../../../src/runtimes/runtime.ts";
import { createAttempt, observeRun } from "../../contract/runtime-subject.ts";
import { type RigOptions, startZeroclawRig } from "../../support/zeroclaw/rig.ts";

const startRig = (options: RigOptions = {}) =>
  startZeroclawRig({ ...options, gateway: { require_pairing: false, ...options.gateway } });
const lake = { key: "1".repeat(32), name: "lake" };
const say = (runtime: Runtime, content: string, parts: Partial<RuntimeAttempt> = {}) =>
  observeRun(runtime, createAttempt(content, parts));

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** Something on a free port that answers these paths with JSON, and everything else with a page and status 200. */
function startPages(answers: Readonly<Record<string, object>>): string {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      const answer = answers[new URL(request.url).pathname];
      if (answer !== undefined) return Response.json(answer);
      return new Response("<!doctype html>", { headers: { "content-type": "text/html" } });
    },
  });
  stops.push(() => server.stop(true));
  return `127.0.0.1:${server.port}`;
}

describe("ZeroClaw of before 0.8", () => {
  test("keeps conversations by its WebSocket chat from 0.5 on", async () => {
    await using rig = await startRig({ knobs: { profile: "0.6" } });
    const runtime = rig.createRuntime();
    expect((await runtime.probe()).status).toMatchObject({ ready: true, version: "0.6.9" });
    await say(runtime, "kingfisher", { session: lake }).outcome;
    const run = say(runtime, "recall", { session: lake });
    expect(await run.outcome).toMatchObject({ text: expect.stringContaining("kingfisher") });
    expect(run.chunks.length).toBeGreaterThan(1);
  });

  test("does not let a run be stopped, and that is said", async () => {
    await using rig = await startRig({ knobs: { profile: "0.6" } });
    const run = say(rig.createRuntime(), "slow: work");
    await run.firstChunk;
    run.stop("cancelled");
    expect(await run.outcome).toMatchObject({ kind: "lost", started: true, fenced: false });
  });

  test("makes nothing of an attempt of a former node agent", async () => {
    await using rig = await startRig({ knobs: { profile: "0.6" } });
    const runtime = rig.createRuntime();
    const control = { onChunk: () => {}, onRecovering: () => {}, signal: new AbortController().signal };
    expect(await runtime.reattach(createAttempt("hello"), control)).toBeNull();
    expect(await runtime.fence(createAttempt("hello"))).toBe(false);
  });

  test("answers by its webhook before 0.5, and conversations are refused", async () => {
    await using rig = await startRig({ knobs: { profile: "0.1" } });
    const runtime = rig.createRuntime();
    expect(await say(runtime, "hello").outcome).toEqual({ kind: "succeeded", text: "You said: hello" });
    const outcome = await say(runtime, "hello", { session: lake }).outcome;
    expect(outcome).toMatchObject({
      failure: { class: "refused", message: expect.stringContaining("0.1.7") },
    });
    expect(rig.gateway.seen.sockets).toEqual([]);
  });

  test("is not ready before 0.5 when the WebSocket chat is wanted", async () => {
    await using rig = await startRig({ knobs: { profile: "0.1" } });
    const { status } = await rig.createRuntime({ via: "socket" }).probe();
    expect(status).toMatchObject({ ready: false, version: "0.1.7" });
    expect(status.reason).toContain("0.5 or later");
  });

  test("is spoken to by its webhook where it is a fork that has nothing else", async () => {
    await using rig = await startRig({ knobs: { profile: "tinyclaw" } });
    const runtime = rig.createRuntime();
    expect((await runtime.probe()).status).toMatchObject({ ready: true, version: null });
    expect(await say(runtime, "hello").outcome).toEqual({ kind: "succeeded", text: "You said: hello" });
  });

  test("says that a token is missing where it cannot be paired with", async () => {
    await using rig = await startRig({ knobs: { profile: "0.1" }, gateway: { require_pairing: true } });
    const { status } = await rig.createRuntime().probe();
    expect(status.ready).toBe(false);
    expect(status.reason).toContain("--gateway-token");
  });
});

describe("the webhook", () => {
  test("is told of once in the log, with its limits", async () => {
    const warnings: string[] = [];
    const log: Log = { ...silentLog, warn: (message) => void warnings.push(message) };
    await using rig = await startRig();
    const runtime = rig.createRuntime({ via: "webhook", log });
    await runtime.probe();
    await say(runtime, "hello").outcome;
    expect(warnings).toEqual([expect.stringContaining("30 s")]);
  });

  test("is not sent what is too long for it", async () => {
    await using rig = await startRig();
    const outcome = await say(rig.createRuntime({ via: "webhook" }), "é".repeat(33_000)).outcome;
    expect(outcome).toMatchObject({ failure: { kind: "bad_request", nothing_done: true } });
    expect(outcome.kind === "failed" && outcome.failure.message).toContain("65536 bytes");
    expect(rig.gateway.seen.requests).not.toContain("POST /webhook");
  });

  test("has no part in messages that go by the chat, which may be longer", async () => {
    await using rig = await startRig();
    const content = "é".repeat(33_000);
    expect(await say(rig.createRuntime(), content).outcome).toEqual({
      kind: "succeeded",
      text: `You said: ${content}`,
    });
  });

  test("is a timeout when ZeroClaw cuts the answer off, with what to raise", async () => {
    await using rig = await startRig({ gateway: { request_timeout_secs: 0.2 } });
    const outcome = await say(rig.createRuntime({ via: "webhook" }), "slow: work").outcome;
    expect(outcome).toMatchObject({ failure: { class: "timeout" } });
    expect(outcome.kind === "failed" && outcome.failure.message).toContain("gateway.request_timeout_secs");
  });

  test("is asked once, whatever comes of it", async () => {
    await using rig = await startRig();
    await say(rig.createRuntime({ via: "webhook" }), "status 500 server_error: no").outcome;
    expect(rig.gateway.seen.requests.filter((request) => request === "POST /webhook")).toHaveLength(1);
  });

  test("gives no answer to an attempt that it had before", async () => {
    await using rig = await startRig();
    const runtime = rig.createRuntime({ via: "webhook" });
    const attempt = createAttempt("hello");
    await observeRun(runtime, attempt).outcome;
    expect(await observeRun(runtime, attempt).outcome).toMatchObject({ kind: "lost", started: true });
  });

  test("refuses what is over its rate, so that it goes elsewhere", async () => {
    await using rig = await startRig({ gateway: { webhook_rate_limit_per_minute: 1 } });
    const runtime = rig.createRuntime({ via: "webhook" });
    await say(runtime, "hello").outcome;
    expect(await say(runtime, "hello").outcome).toMatchObject({ failure: { class: "refused" } });
  });

  test("lets no tool be used that its risk profile does not allow", async () => {
    await using rig = await startRig();
    const useTool = '<tool_call>{"name":"shell","arguments":{}}</tool_call>';
    const { outcome } = say(rig.createRuntime({ via: "webhook", approvals: "allow" }), useTool);
    expect(await outcome).toMatchObject({ text: expect.stringContaining("Denied by user.") });
  });
});

describe("a page with status 200", () => {
  test("is no ZeroClaw", async () => {
    await using rig = await startRig();
    for (const answers of [{}, { "/health": { status: "ok" } }]) {
      const { status } = await rig.createRuntime({ endpoint: startPages(answers) }).probe();
      expect(status).toMatchObject({ ready: false, version: null });
      expect(status.reason).toContain("is no ZeroClaw gateway");
    }
  });

  test("is no version and no answer", async () => {
    await using rig = await startRig();
    const health = { "/health": { status: "ok", paired: false, require_pairing: false } };
    const runtime = rig.createRuntime({ endpoint: startPages(health) });
    expect((await runtime.probe()).status.version).toBeNull();
    expect(await say(runtime, "hello").outcome).toMatchObject({ failure: { kind: "bad_request" } });
  });
});
