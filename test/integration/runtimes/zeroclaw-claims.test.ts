import { afterEach, describe, expect, test } from "bun:test";
import { Secret } from "../../../src/protocol/secret.ts";
import type { Runtime, RuntimeAttempt } from "../../../src/runtimes/runtime.ts";
import { createAttempt, observeRun, within } from "../../contract/runtime-subject.ts";
import { until } from "../../support/until.ts";
import { type OddAnswers, type OddGateway, startOddGateway } from "../../support/zeroclaw/odd-gateway.ts";
import { type AdapterParts, startZeroclawRig } from "../../support/zeroclaw/rig.ts";

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

async function start(answers: OddAnswers, parts: AdapterParts = {}) {
  const gateway = startOddGateway(answers);
  const rig = await startZeroclawRig();
  opened.push(gateway, rig);
  return { gateway, runtime: rig.createRuntime({ endpoint: gateway.endpoint, ...parts }) };
}
const count = ({ requests }: OddGateway, call: string) => requests.filter((one) => one === call).length;
const lake = { key: "1".repeat(32), name: "lake" };
const say = (runtime: Runtime, content: string, parts: Partial<RuntimeAttempt> = {}) =>
  observeRun(runtime, createAttempt(content, parts));
const nothingDone = (outcome: unknown) => JSON.stringify(outcome).includes("nothing_done");

describe("an error in the middle of a turn", () => {
  const signs = [
    { type: "thinking", content: "Let me see." },
    { type: "chunk", content: "half" },
    { type: "tool_call", id: "1", name: "shell", args: {} },
    { type: "tool_result", id: "1", name: "shell", output: "removed" },
    { type: "plan", entries: [] },
    { type: "approval_request", request_id: "1", tool: "shell" },
  ];
  const codes = [
    "NEEDS_ONBOARDING",
    "SESSION_QUEUE_TIMEOUT",
    "UNKNOWN_MESSAGE_TYPE",
    "INVALID_JSON",
    "AGENT_INIT_FAILED",
  ];

  test.each(codes)("with %s claims nothing about what was done", async (code) => {
    for (const sign of signs) {
      const { runtime } = await start({ frames: [sign, { type: "error", code, message: "no" }] });
      const outcome = await say(runtime, "hello").outcome;
      expect(outcome).toMatchObject({ kind: "failed", failure: { class: "runtime_error" } });
      expect(nothingDone(outcome)).toBe(false);
    }
  });

  test.each(codes)("is not what %s means before any sign of a turn", async (code) => {
    const { runtime } = await start({ frames: [{ type: "error", code, message: "no" }] });
    const outcome = await say(runtime, "hello").outcome;
    const isRefused = outcome.kind === "failed" && outcome.failure.class === "refused";
    expect(isRefused || nothingDone(outcome)).toBe(true);
  });
});

describe("a session that is another than the one asked for", () => {
  test("gets no message", async () => {
    const greeting = { type: "session_start", session_id: "main", resumed: true, message_count: 12 };
    const { gateway, runtime } = await start({ greeting });
    expect(await say(runtime, "hello").outcome).toMatchObject({
      kind: "failed",
      failure: { class: "refused", message: expect.stringContaining("another session") },
    });
    expect(gateway.messages).toEqual([]);
  });

  test("is not one that has the prefix of ZeroClaw's store", async () => {
    const session_id = `gw_claw-mesh-${lake.key}`;
    const { runtime } = await start({ greeting: { type: "session_start", session_id } });
    expect(await say(runtime, "hello", { session: lake }).outcome).toMatchObject({ text: "by the chat" });
  });
});

describe("a status that does not come", () => {
  test.each([
    ["HTTP 503", () => new Response("busy", { status: 503 })],
    ["HTTP 500", () => Response.json({ error: "no" }, { status: 500 })],
    ["HTTP 429", () => new Response("slow", { status: 429 })],
    ["JSON without a version", () => Response.json({ error: "starting" })],
  ])("with %s makes ZeroClaw unready, and sends nothing by the webhook", async (_, answer) => {
    const { gateway, runtime } = await start({ status: answer });
    expect((await runtime.probe()).status).toMatchObject({
      ready: false,
      reason: expect.stringContaining("/api/status"),
    });
    for (const session of [null, lake]) {
      const outcome = await say(runtime, "hello", { session }).outcome;
      expect(outcome).toMatchObject({ failure: { class: "refused" } });
    }
    expect(count(gateway, "POST /webhook")).toBe(0);
    expect(gateway.messages).toEqual([]);
  });

  test("leaves the version that was known, and the chat when it comes again", async () => {
    let isBusy = false;
    const told = () => Response.json({ version: "0.8.4", model: "bird" });
    const busy = () => new Response("busy", { status: 503 });
    const { runtime } = await start({ status: () => (isBusy ? busy() : told()) });
    expect((await runtime.probe()).status).toMatchObject({ ready: true, version: "0.8.4" });
    isBusy = true;
    expect((await runtime.probe()).status).toMatchObject({ ready: false, version: "0.8.4" });
    isBusy = false;
    expect(await say(runtime, "hello").outcome).toEqual({ kind: "succeeded", text: "by the chat" });
  });

  test.each([
    ["HTTP 404", () => new Response("", { status: 404 })],
    ["HTTP 405", () => new Response("", { status: 405 })],
    ["a page", () => new Response("<!doctype html>", { headers: { "content-type": "text/html" } })],
  ])("as there is %s in its place is that of a fork, which has the webhook", async (_, answer) => {
    const { runtime } = await start({ status: answer });
    expect((await runtime.probe()).status).toMatchObject({ ready: true, version: null });
    expect(await say(runtime, "hello").outcome).toMatchObject({ text: "by the webhook" });
  });
});

describe("the webhook", () => {
  test.each(["cancelled", "superseded"] as const)(
    "confirms nothing when its message is %s: the outcome is unknown, at once",
    async (reason) => {
      const asked = Promise.withResolvers<void>();
      const goesOn = Promise.withResolvers<Response>();
      const webhook = () => {
        asked.resolve();
        return goesOn.promise;
      };
      const { runtime } = await start({ webhook }, { via: "webhook" });
      const run = say(runtime, "hello");
      await asked.promise;
      run.stop(reason);
      expect(await within(1_000, run.outcome)).toMatchObject({ kind: "lost", started: true, fenced: false });
      goesOn.resolve(Response.json({ response: "done all the same" }));
    },
  );

  test("refuses a conversation in every version, and says what has them", async () => {
    const { gateway, runtime } = await start({}, { via: "webhook" });
    expect(await say(runtime, "hello", { session: lake }).outcome).toMatchObject({
      failure: { class: "refused", message: expect.stringContaining("set `via` to `socket`") },
    });
    expect(count(gateway, "POST /webhook")).toBe(0);
  });

  test("is given a session of its own for each message, and its key", async () => {
    const { gateway, runtime } = await start({}, { via: "webhook" });
    const attempt = createAttempt("hello");
    await observeRun(runtime, attempt).outcome;
    expect(gateway.headers[0]?.get("x-session-id")).toBe(`claw-mesh-${attempt.key}`);
    expect(gateway.headers[0]?.get("x-idempotency-key")).toBe(attempt.key);
  });

  test("that answers 503 is refused only where ZeroClaw has no model", async () => {
    const late = () => new Response("upstream timed out", { status: 503 });
    const one = await start({ webhook: late }, { via: "webhook" });
    const outcome = await say(one.runtime, "hello").outcome;
    expect(outcome).toMatchObject({ failure: { class: "runtime_error", kind: "internal" } });
    expect(nothingDone(outcome)).toBe(false);
    const none = () => Response.json({ error: "needs_quickstart", url: "/quickstart" }, { status: 503 });
    const other = await start({ webhook: none }, { via: "webhook" });
    expect(await say(other.runtime, "hello").outcome).toMatchObject({ failure: { class: "refused" } });
  });
});

describe("a fence", () => {
  test("is not certain of a session that ZeroClaw does not know", async () => {
    const sessions = () => Response.json({ error: "Session not found" }, { status: 404 });
    const { runtime } = await start({ sessions });
    expect(await runtime.fence(createAttempt("hello", { session: lake }))).toBe(false);
    expect(await runtime.fence(createAttempt("hello"))).toBe(false);
  });

  test("leaves a turn of a conversation alone, and is not certain while it runs", async () => {
    const running = () => Response.json({ state: "running", status: "aborted" });
    const { gateway, runtime } = await start({ sessions: running });
    expect(await runtime.fence(createAttempt("hello", { session: lake }))).toBe(false);
    expect(gateway.requests).toContain(`GET /api/sessions/claw-mesh-${lake.key}/state`);
    expect(gateway.requests).not.toContain(`POST /api/sessions/claw-mesh-${lake.key}/abort`);
  });
});

describe("what ZeroClaw says and where it leads", () => {
  test("a redirect is not followed, which would carry the token elsewhere", async () => {
    const target = startOddGateway({});
    opened.push(target);
    const elsewhere = () => Response.redirect(`http://${target.endpoint}/api/status`, 307);
    const token = new Secret("heron-on-the-lake");
    const { runtime } = await start({ status: elsewhere, wantsToken: true }, { token });
    expect((await runtime.probe()).status.ready).toBe(false);
    expect(target.requests).toEqual([]);
  });

  test("a token in an error, of whatever form, is told to nobody", async () => {
    const token = new Secret("heron-on-the-lake");
    const frames = [{ type: "error", code: "AGENT_ERROR", message: "bad heron-on-the-lake\r\nand\tmore" }];
    const { runtime } = await start({ frames, wantsToken: true }, { token });
    const outcome = await say(runtime, "hello").outcome;
    const message = outcome.kind === "failed" ? outcome.failure.message : "";
    expect(message).toContain("and more");
    expect(message).not.toContain("heron-on-the-lake");
  });

  test("a turn that is cancelled is asked to stop, beside closing its socket", async () => {
    const frames = [{ type: "chunk", content: "working" }];
    const { gateway, runtime } = await start({ frames });
    const attempt = createAttempt("hello");
    const run = observeRun(runtime, attempt);
    await run.firstChunk;
    run.stop("cancelled");
    expect(await run.outcome).toEqual({ kind: "cancelled" });
    expect(gateway.requests).toContain(`POST /api/sessions/claw-mesh-${attempt.key}/abort`);
  });
});

test("a pairing that hangs is cut off, and not begun again at once", async () => {
  const status = () => new Response("", { status: 401 });
  const never = Promise.withResolvers<Response>();
  const { gateway, runtime } = await start({ status, wantsToken: true, pair: () => never.promise });
  expect((await runtime.probe()).status.ready).toBe(false);
  await until("the pause has begun", async () => {
    const { reason } = (await runtime.probe()).status;
    return reason?.includes("did not finish a pairing in time") === true;
  });
  expect(count(gateway, "POST /admin/paircode/new")).toBe(1);
  never.resolve(new Response(""));
});
