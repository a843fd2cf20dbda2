import { describe, expect, test } from "bun:test";
import type { Runtime, RuntimeAttempt } from "../../../src/runtimes/runtime.ts";
import { createAttempt, observeRun, within } from "../../contract/runtime-subject.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { until } from "../../support/until.ts";
import { type RigOptions, startZeroclawRig, type ZeroclawRig } from "../../support/zeroclaw/rig.ts";

const startRig = (options: RigOptions = {}) =>
  startZeroclawRig({ ...options, gateway: { require_pairing: false, ...options.gateway } });
const lake = { key: "1".repeat(32), name: "lake" };
const say = (runtime: Runtime, content: string, parts: Partial<RuntimeAttempt> = {}) =>
  observeRun(runtime, createAttempt(content, parts));
const control = () => ({ onChunk: () => {}, onRecovering: () => {}, signal: new AbortController().signal });

/** What the model server repeats, and ZeroClaw then takes as the use of a tool. */
const useTool = '<tool_call>{"name":"shell","arguments":{"command":"ls"}}</tool_call>';

async function sessionsOf({ gateway }: ZeroclawRig): Promise<readonly string[]> {
  const body: unknown = await (await fetch(`${gateway.url}/api/sessions`)).json();
  const { sessions } = body as { sessions: readonly { session_id: string }[] };
  return sessions.map((session) => session.session_id);
}

/** A turn in the attempt's session that no adapter of this process began; resolves when the model is at it. */
async function beginElsewhere(rig: ZeroclawRig, sessionId: string, content: string): Promise<WebSocket> {
  const socket = new WebSocket(
    `${rig.gateway.url.replace("http", "ws")}/ws/chat?agent=default&session_id=${sessionId}`,
  );
  await new Promise((resolve) => socket.addEventListener("message", resolve, { once: true }));
  const before = rig.model.requests.length;
  socket.send(JSON.stringify({ type: "message", content }));
  await until("the model is asked", async () => rig.model.requests.length > before);
  return socket;
}

describe("a tool that needs approval", () => {
  test("is denied unless told otherwise, and the agent goes on without it", async () => {
    await using rig = await startRig();
    const run = say(rig.createRuntime(), useTool);
    const outcome = await run.outcome;
    const text = outcome.kind === "succeeded" ? outcome.text : "";
    expect(text).toContain("Denied by user.");
    expect(rig.gateway.seen.approvals).toEqual([{ tool: "shell", decision: "deny" }]);
    // What was shown before the tool is no part of the answer.
    expect(run.text()).toBe(text);
  });

  test("is approved for this once under the policy allow", async () => {
    await using rig = await startRig();
    const { outcome } = say(rig.createRuntime({ approvals: "allow" }), useTool);
    expect(await outcome).toMatchObject({
      kind: "succeeded",
      text: expect.stringContaining("shell ran with"),
    });
    expect(rig.gateway.seen.approvals).toEqual([{ tool: "shell", decision: "approve" }]);
  });

  test("is denied under the policy allow to a text of another owner", async () => {
    await using rig = await startRig();
    const { outcome } = say(rig.createRuntime({ approvals: "allow" }), useTool, { isUntrusted: true });
    expect(await outcome).toMatchObject({ text: expect.stringContaining("Denied by user.") });
    expect(rig.gateway.seen.approvals).toEqual([{ tool: "shell", decision: "deny" }]);
  });

  test("fails the run under the policy fail, with its name and what to do", async () => {
    await using rig = await startRig();
    const attempt = createAttempt(useTool);
    const outcome = await observeRun(rig.createRuntime({ approvals: "fail" }), attempt).outcome;
    expect(outcome).toMatchObject({
      kind: "failed",
      failure: { class: "runtime_error", kind: "bad_request" },
    });
    const message = outcome.kind === "failed" ? outcome.failure.message : "";
    expect(message).toContain('the tool "shell"');
    expect(message).toContain("auto_approve");
    expect(rig.gateway.seen.approvals.map(({ decision }) => decision)).not.toContain("approve");
  });

  test("is not asked about when its risk profile allows it", async () => {
    await using rig = await startRig({ risk: { auto_approve: ["shell"] } });
    const { outcome } = say(rig.createRuntime({ approvals: "fail" }), useTool);
    expect(await outcome).toMatchObject({
      kind: "succeeded",
      text: expect.stringContaining("shell ran with"),
    });
    expect(rig.gateway.seen.approvals).toEqual([]);
  });
});

describe("two messages of one conversation", () => {
  test("are two turns, one after the other; the second steers nothing", async () => {
    await using rig = await startRig();
    const runtime = rig.createRuntime();
    const runs = ["first", "second"].map((word) => say(runtime, word, { session: lake }).outcome);
    expect(await Promise.all(runs)).toEqual([
      { kind: "succeeded", text: "You said: first" },
      { kind: "succeeded", text: "You said: second" },
    ]);
    expect(rig.gateway.seen.steering).toEqual([]);
    expect(rig.model.requests.map(({ body }) => body.messages.at(-1)?.content)).toEqual(["first", "second"]);
  });

  test("let go of the one that waits, which the gateway then never sees", async () => {
    await using rig = await startRig();
    const runtime = rig.createRuntime();
    const first = say(runtime, "slow: first", { session: lake });
    await first.firstChunk;
    const second = say(runtime, "second", { session: lake });
    second.stop("cancelled");
    expect(await second.outcome).toEqual({ kind: "cancelled" });
    first.stop("cancelled");
    expect(await first.outcome).toEqual({ kind: "cancelled" });
    expect(rig.model.requests).toHaveLength(1);
    expect(rig.gateway.seen.steering).toEqual([]);
  });

  test("know of each other though the node was restarted in between", async () => {
    await using rig = await startRig();
    await say(rig.createRuntime(), "kingfisher", { session: lake }).outcome;
    expect(await say(rig.createRuntime(), "recall", { session: lake }).outcome).toMatchObject({
      text: expect.stringContaining("kingfisher"),
    });
    expect(await sessionsOf(rig)).toEqual([`claw-mesh-${lake.key}`]);
  });
});

describe("a message on its own", () => {
  test("leaves no session behind", async () => {
    await using rig = await startRig();
    await say(rig.createRuntime(), "hello").outcome;
    await until("the session is gone", async () => (await sessionsOf(rig)).length === 0);
  });

  test("is answered with what the end says, whatever was shown before", async () => {
    await using rig = await startRig({ knobs: { strayChunk: "Let me think. " } });
    const run = say(rig.createRuntime(), "hello");
    expect(await run.outcome).toEqual({ kind: "succeeded", text: "You said: hello" });
    expect(run.text()).toBe("You said: hello");
    expect(run.chunks[0]).toEqual({ offset: 0, text: "Let me think. " });
  });

  test("fails as too large when its answer is beyond the limit, in pieces or as a whole", async () => {
    await using rig = await startRig();
    for (const content of ["a".repeat(1_000), `whole: ${"a".repeat(100_000)}`]) {
      const run = say(rig.createRuntime({ maxAnswerBytes: 100 }), content);
      expect(await run.outcome).toMatchObject({ kind: "failed", failure: { class: "too_large" } });
    }
  });

  test("does not claim that nothing was done when the model refused its key", async () => {
    await using rig = await startRig();
    const outcome = await say(rig.createRuntime(), "status 401 invalid_api_key: no").outcome;
    expect(outcome).toMatchObject({ kind: "failed", failure: { kind: "auth" } });
    expect(outcome).not.toHaveProperty("failure.nothing_done");
  });
});

describe("a run that is stopped", () => {
  test("is cancelled in the gateway before that is told", async () => {
    await using rig = await startRig();
    const attempt = createAttempt("slow: work");
    const run = observeRun(rig.createRuntime(), attempt);
    await run.firstChunk;
    run.stop("cancelled");
    expect(await run.outcome).toEqual({ kind: "cancelled" });
    expect(rig.gateway.seen.cancelled).toEqual([`claw-mesh-${attempt.key}`]);
    await within(2_000, rig.model.firstAbort);
  });

  test("is told as lost when the gateway does not confirm that", async () => {
    await using rig = await startRig();
    await using proxy = await startProxy(rig);
    const run = say(rig.createRuntime({ endpoint: proxy.endpoint }), "slow: work");
    await run.firstChunk;
    proxy.goSilent(true);
    run.stop("cancelled");
    expect(await within(6_000, run.outcome)).toMatchObject({ kind: "lost", started: true, fenced: false });
  });
});

async function startProxy(rig: ZeroclawRig) {
  const proxy = await startTcpProxy(rig.gateway.port);
  return { ...proxy, endpoint: `127.0.0.1:${proxy.port}`, [Symbol.asyncDispose]: proxy.stop };
}

describe("a run whose connection was lost", () => {
  test("is fenced when the gateway says that it ended with its connection", async () => {
    await using rig = await startRig();
    await using proxy = await startProxy(rig);
    const run = say(rig.createRuntime({ endpoint: proxy.endpoint }), "slow: work");
    await run.firstChunk;
    proxy.cut();
    expect(await run.outcome).toMatchObject({ kind: "lost", started: true, fenced: true });
    expect(rig.gateway.seen.cancelled).toHaveLength(1);
  });

  test("is found ended by the next node agent, and makes no answer of what was written until then", async () => {
    await using rig = await startRig();
    const attempt = createAttempt("slow: work");
    const former = rig.createRuntime();
    const run = observeRun(former, attempt);
    await run.firstChunk;
    await former.close();
    expect(await run.outcome).toMatchObject({ kind: "lost", started: true });
    const next = rig.createRuntime();
    const outcome = await next.reattach(attempt, control());
    expect(outcome).toMatchObject({ kind: "lost", started: true, fenced: true });
    await until("the session is gone", async () => (await sessionsOf(rig)).length === 0);
  });

  test("leaves its conversation as it is", async () => {
    await using rig = await startRig();
    const attempt = createAttempt("slow: work", { session: lake });
    const former = rig.createRuntime();
    const run = observeRun(former, attempt);
    await run.firstChunk;
    await former.close();
    await run.outcome;
    const outcome = await rig.createRuntime().reattach(attempt, control());
    expect(outcome).toMatchObject({ kind: "lost", started: true, fenced: true });
    expect(rig.gateway.seen.requests).not.toContain(`POST /api/sessions/claw-mesh-${lake.key}/abort`);
    expect(await sessionsOf(rig)).toEqual([`claw-mesh-${lake.key}`]);
  });

  test("is told as failed when it had failed", async () => {
    await using rig = await startRig();
    const attempt = createAttempt("anything");
    const socket = await beginElsewhere(rig, `claw-mesh-${attempt.key}`, "status 500 server_error: no");
    const state = `${rig.gateway.url}/api/sessions/claw-mesh-${attempt.key}/state`;
    await until("it has failed", async () => (await (await fetch(state)).text()).includes('"error"'));
    socket.close();
    const outcome = await rig.createRuntime().reattach(attempt, control());
    expect(outcome).toMatchObject({ kind: "failed", failure: { class: "runtime_error", kind: "internal" } });
  });

  test("is stopped by a fence when it goes on all the same", async () => {
    await using rig = await startRig();
    const attempt = createAttempt("anything");
    const socket = await beginElsewhere(rig, `claw-mesh-${attempt.key}`, "slow: work");
    expect(await rig.createRuntime().fence(attempt)).toBe(true);
    expect(rig.gateway.seen.cancelled).toEqual([`claw-mesh-${attempt.key}`]);
    socket.close();
  });
});

describe("a ZeroClaw that takes no messages", () => {
  test("says that it has no model", async () => {
    await using rig = await startRig({ knobs: { needsQuickstart: true } });
    const runtime = rig.createRuntime();
    const { status } = await runtime.probe();
    expect(status).toMatchObject({ ready: false, version: "0.8.4" });
    expect(status.reason).toContain("no model is configured");
    expect(await say(runtime, "hello").outcome).toMatchObject({ failure: { class: "refused" } });
  });

  test("says why its gateway is not ready", async () => {
    await using rig = await startRig({ knobs: { health: "error" } });
    const { status } = await rig.createRuntime().probe();
    expect(status).toMatchObject({
      ready: false,
      reason: expect.stringContaining("provider warm-up failed"),
    });
  });

  test("names the agent that it lacks", async () => {
    await using rig = await startRig();
    const outcome = await say(rig.createRuntime({ agent: "nobody" }), "hello").outcome;
    expect(outcome).toMatchObject({ failure: { class: "refused" } });
    expect(outcome.kind === "failed" && outcome.failure.message).toContain("[agents.nobody]");
  });
});
