import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { systemClock } from "../../src/platform/clock.ts";
import { Secret } from "../../src/protocol/secret.ts";
import { toSessionKey } from "../../src/runtimes/openclaw/session-key.ts";
import { sweepTaskSessions, taskSessionAgeMs } from "../../src/runtimes/openclaw/session-sweep.ts";
import { waitConnected } from "../../src/runtimes/openclaw/wait-connected.ts";
import type { Runtime } from "../../src/runtimes/runtime.ts";
import { createTestAttempt, uniqueText, watch } from "../support/openclaw/observed-run.ts";
import { untilPending } from "../support/openclaw/pending-input.ts";
import { openPlainClient } from "../support/openclaw/plain-client.ts";
import {
  isOpenclawWanted,
  type OpenclawRig,
  rigTimeoutMs,
  sharedRig,
} from "../support/openclaw/shared-gateway.ts";
import { createTestConnections, createTestRuntime } from "../support/openclaw/subject.ts";

const sessionKey = () => crypto.randomUUID().replaceAll("-", "");

describe.skipIf(!isOpenclawWanted)("runs on the real OpenClaw", () => {
  let rig: OpenclawRig;
  let runtime: Runtime;
  beforeAll(async () => {
    rig = await sharedRig();
    runtime = createTestRuntime(rig.gateway);
  }, rigTimeoutMs);
  afterAll(() => runtime.close());

  test("streams the answer piece by piece and ends with the whole of it", async () => {
    const text = uniqueText("streamed");
    const run = watch(runtime, createTestAttempt(`[[chunks 5 200]] ${text}`));
    const outcome = await run.outcome;
    expect(outcome).toEqual({ kind: "succeeded", text: `part1 part2 part3 part4 part5 answer to: ${text}` });
    expect(run.chunks.length).toBeGreaterThanOrEqual(4);
    expect(run.text()).toBe(`part1 part2 part3 part4 part5 answer to: ${text}`);
    expect(rig.provider.count(text).calls).toBe(1);
  }, 30_000);

  test("keeps conversations apart, also of equal names, and each with its memory", async () => {
    const [one, two] = [
      { key: sessionKey(), name: "trip" },
      { key: sessionKey(), name: "trip" },
    ];
    const say = async (content: string, session: typeof one) =>
      watch(runtime, createTestAttempt(content, { session })).outcome;
    await Promise.all([say("the word is heron", one), say("the word is otter", two)]);
    const [first, second] = await Promise.all([say("[[recall]] which?", one), say("[[recall]] which?", two)]);
    expect(first).toEqual({ kind: "succeeded", text: "earlier: the word is heron" });
    expect(second).toEqual({ kind: "succeeded", text: "earlier: the word is otter" });
  }, 30_000);

  test("shows the name of a conversation in OpenClaw's own lists", async () => {
    const session = { key: sessionKey(), name: uniqueText("holiday plans") };
    await watch(runtime, createTestAttempt("hello", { session })).outcome;
    using client = await openPlainClient(rig.gateway);
    await expectEventually(async () => {
      const answer = await client.request("sessions.describe", { key: `claw-mesh:${session.key}` });
      expect(answer.payload).toMatchObject({ session: { label: session.name } });
    });
  }, 30_000);

  test("works on eight messages at once", async () => {
    const texts = Array.from({ length: 8 }, (_, index) => uniqueText(`parallel ${index}`));
    const runs = texts.map((text) => watch(runtime, createTestAttempt(`[[sleep 4000]] ${text}`)));
    await Promise.all(texts.map((text) => rig.provider.until(text, (count) => count.inFlight === 1)));
    expect(rig.provider.maxInFlight()).toBeGreaterThanOrEqual(8);
    const probe = await runtime.probe();
    expect(probe.status).toMatchObject({ ready: true, active: 8 });
    expect(probe.slots).toBeGreaterThanOrEqual(8);
    const outcomes = await Promise.all(runs.map((run) => run.outcome));
    expect(outcomes).toEqual(texts.map((text) => ({ kind: "succeeded", text: `answer to: ${text}` })));
    for (const text of texts) expect(rig.provider.count(text).calls).toBe(1);
  }, 60_000);

  test("stops the model when a run is cancelled", async () => {
    const text = uniqueText("cancelled");
    const run = watch(runtime, createTestAttempt(`[[hang]] ${text}`));
    await rig.provider.until(text, (count) => count.inFlight === 1);
    run.stop("cancelled");
    expect(await run.outcome).toEqual({ kind: "cancelled" });
    expect(await rig.provider.until(text, (count) => count.aborted === 1)).toMatchObject({
      calls: 1,
      inFlight: 0,
    });
  }, 30_000);

  test.each([
    ["aborted", "sessions.abort", {}],
    ["told to stop", "chat.send", { message: "/stop" }],
    ["reset with its session", "sessions.reset", { reason: "reset" }],
    ["deleted with its session", "sessions.delete", {}],
  ] as const)(
    "says of a run that was %s in OpenClaw that it was stopped there, for good",
    async (_, method, params) => {
      const text = uniqueText("stopped by somebody else");
      const run = watch(runtime, createTestAttempt(`[[hang]] ${text}`, { effects: "safe" }));
      await rig.provider.until(text, (count) => count.inFlight === 1);
      using client = await openPlainClient(rig.gateway);
      const key = toSessionKey(run.attempt);
      const session =
        method === "chat.send" ? { sessionKey: key, idempotencyKey: crypto.randomUUID() } : { key };
      expect((await client.request(method, { ...session, ...params })).ok).toBe(true);
      expect(await run.outcome).toEqual({
        kind: "failed",
        failure: { class: "runtime_error", kind: "bad_request", message: "the run was stopped in OpenClaw" },
      });
      expect(rig.provider.count(text)).toMatchObject({ calls: 1, inFlight: 0 });
    },
    40_000,
  );

  test("cancels a run that waits behind another of its conversation, and never starts it", async () => {
    const session = { key: sessionKey(), name: "queue" };
    const [first, second] = [uniqueText("first"), uniqueText("second")];
    const running = watch(runtime, createTestAttempt(`[[hold]] ${first}`, { session }));
    await rig.provider.until(first, (count) => count.inFlight === 1);
    const waiting = watch(runtime, createTestAttempt(second, { session }));
    using client = await openPlainClient(rig.gateway);
    await untilPending(client, toSessionKey(waiting.attempt), waiting.attempt.key);
    waiting.stop("cancelled");
    expect(await waiting.outcome).toEqual({ kind: "cancelled" });
    rig.provider.release(first);
    expect(await running.outcome).toEqual({ kind: "succeeded", text: `answer to: ${first}` });
    expect(rig.provider.count(second).calls).toBe(0);
  }, 30_000);

  test("answers with what came after a tool, and shows no text twice", async () => {
    const text = uniqueText("tool");
    const run = watch(runtime, createTestAttempt(`[[tool echo heron-feather]] ${text}`));
    expect(await run.outcome).toEqual({ kind: "succeeded", text: "tool said: heron-feather" });
    expect(run.text()).toBe("tool said: heron-feather");
    expect(rig.provider.count(text).calls).toBe(2);
  }, 30_000);

  test("refuses an answer over the limit and stops the model", async () => {
    const small = createTestRuntime(rig.gateway, { maxAnswerBytes: 100_000 });
    const text = uniqueText("too long");
    const outcome = await watch(small, createTestAttempt(`[[size 200000]] ${text}`)).outcome;
    expect(outcome).toMatchObject({ kind: "failed", failure: { class: "too_large" } });
    await small.close();
  }, 30_000);

  test("reports a provider that refuses the request as a bad request without effects", async () => {
    const text = uniqueText("refused");
    const outcome = await watch(runtime, createTestAttempt(`[[status 400]] ${text}`)).outcome;
    expect(outcome).toMatchObject({
      kind: "failed",
      failure: { class: "runtime_error", kind: "bad_request", nothing_done: true },
    });
    expect(rig.provider.count(text).calls).toBe(1);
  }, 30_000);

  test("ends the provider's own retries when the attempt's time is over", async () => {
    const session = { key: sessionKey(), name: "broken" };
    const text = uniqueText("broken provider");
    const attempt = createTestAttempt(`[[status 500]] ${text}`, { session, timeoutMs: 4_000 });
    const outcome = await watch(runtime, attempt).outcome;
    expect(outcome).toMatchObject({ kind: "failed", failure: { class: "timeout" } });
    const { calls } = rig.provider.count(text);
    expect(calls).toBeGreaterThanOrEqual(2);
    // The runs of a conversation follow one another: the next one begins when nothing of this one is left.
    const next = await watch(runtime, createTestAttempt("are you there?", { session })).outcome;
    expect(next).toMatchObject({ kind: "succeeded" });
    expect(rig.provider.count(text).calls).toBe(calls);
  }, 30_000);

  test("reports a provider that refuses its key as an authentication failure", async () => {
    const session = { key: sessionKey(), name: "locked out" };
    using client = await openPlainClient(rig.gateway);
    // A provider of its own: OpenClaw takes a refused key out of use for a minute.
    const patched = await client.request("sessions.patch", {
      key: `claw-mesh:${session.key}`,
      model: "spare/fake-1",
    });
    expect(patched.ok).toBe(true);
    const text = uniqueText("unauthorized");
    const outcome = await watch(runtime, createTestAttempt(`[[status 401]] ${text}`, { session })).outcome;
    expect(outcome).toMatchObject({
      kind: "failed",
      failure: { class: "runtime_error", kind: "auth", nothing_done: true },
    });
  }, 30_000);

  test("says that a wrong token is wrong, and submits nothing", async () => {
    const locked = createTestRuntime(rig.gateway, { token: new Secret("wrong") });
    const { status } = await locked.probe();
    expect(status.ready).toBe(false);
    expect(status.reason).toContain("refuses the token");
    const text = uniqueText("never sent");
    const outcome = await watch(locked, createTestAttempt(text)).outcome;
    expect(outcome).toMatchObject({
      kind: "failed",
      failure: { class: "runtime_error", kind: "auth", nothing_done: true },
    });
    expect(rig.provider.count(text).calls).toBe(0);
    await locked.close();
  }, 30_000);

  test("names the address where nothing listens, and refuses", async () => {
    const nowhere = createTestRuntime(rig.gateway, { url: "ws://127.0.0.1:9" });
    expect((await nowhere.probe()).status.reason).toContain("ws://127.0.0.1:9");
    const outcome = await watch(nowhere, createTestAttempt("hello")).outcome;
    expect(outcome).toMatchObject({ kind: "failed", failure: { class: "refused" } });
    await nowhere.close();
  }, 30_000);

  test("passes on nothing of what others do on the same gateway", async () => {
    const [ours, theirs] = [uniqueText("ours"), uniqueText("secret of somebody else")];
    using other = await openPlainClient(rig.gateway);
    const foreign = other.runToEnd(`[[chunks 10 200]] ${theirs}`);
    await rig.provider.until(theirs, (count) => count.inFlight === 1);
    const run = watch(runtime, createTestAttempt(`[[chunks 5 200]] ${ours}`));
    expect(await run.outcome).toMatchObject({ kind: "succeeded" });
    expect((await foreign).ok).toBe(true);
    expect(JSON.stringify(run.chunks)).not.toContain("secret of somebody else");
    expect(run.text()).toContain(ours);
  }, 30_000);

  test("deletes old sessions of single tasks, and no conversation", async () => {
    const session = { key: sessionKey(), name: uniqueText("kept") };
    const single = createTestAttempt("hello");
    await Promise.all([
      watch(runtime, single).outcome,
      watch(runtime, createTestAttempt("hello", { session })).outcome,
    ]);
    const connections = createTestConnections(rig.gateway);
    await waitConnected(connections.access.connection, { clock: systemClock, withinMs: 5_000 });
    const sweep = (olderThanMs: number) =>
      sweepTaskSessions(connections.access, { olderThanMs, maxDeletions: 3 });
    expect(await sweep(taskSessionAgeMs)).toBe(0);
    const deleted = await sweep(-1_000);
    expect(deleted).toBeOneOf([1, 2, 3]);
    using client = await openPlainClient(rig.gateway);
    const describe = (key: string) => client.request("sessions.describe", { key });
    expect((await describe(toSessionKey(single))).payload).toEqual({ session: null });
    expect((await describe(`claw-mesh:${session.key}`)).payload).not.toEqual({ session: null });
    connections.close();
  }, 30_000);

  test("leaves the user's own main conversation alone", async () => {
    using client = await openPlainClient(rig.gateway);
    await watch(runtime, createTestAttempt("hello")).outcome;
    const history = await client.request("chat.history", { sessionKey: "agent:main:main", limit: 10 });
    expect(history.payload).toMatchObject({ messages: [] });
  }, 30_000);
});

/** Tries until it holds: for effects that nothing announces. */
async function expectEventually(check: () => Promise<void>, withinMs = 5_000): Promise<void> {
  const endsAtMs = performance.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > endsAtMs) throw error;
      await Bun.sleep(100);
    }
  }
}
