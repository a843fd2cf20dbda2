import { afterEach, describe, expect, test } from "bun:test";
import { systemClock } from "../../src/platform/clock.ts";
import { sha256Hex } from "../../src/platform/hash.ts";
import { systemIds } from "../../src/platform/ids.ts";
import { closeCodes, maxChunkLength, maxInlineLength } from "../../src/protocol/link/v1/frames.ts";
import { createEchoRuntime } from "../../src/runtimes/echo/index.ts";
import { type LinkCoordinatorOptions, startLinkCoordinator } from "../support/link-coordinator.ts";
import { createScriptedRuntime, type ScriptedRuntimeOptions } from "../support/scripted-runtime.ts";
import { makeDataDir, startTestAgent, type TestAgentOptions } from "../support/test-agent.ts";
import { until } from "../support/until.ts";

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** One coordinator, one agent, one runtime that the test directs. */
async function setUp(
  parts: {
    coordinator?: LinkCoordinatorOptions;
    runtime?: ScriptedRuntimeOptions;
    agent?: Partial<TestAgentOptions>;
  } = {},
) {
  const coordinator = startLinkCoordinator(parts.coordinator);
  const dataDir = await makeDataDir();
  const runtime = createScriptedRuntime(parts.runtime);
  const agent = await startTestAgent({
    coordinatorUrl: coordinator.url,
    dataDir: dataDir.path,
    runtimes: [runtime],
    ...parts.agent,
  });
  // Without runs and without a link an agent has nothing to wait for.
  opened.push(dataDir.stop, () => agent.stop(), coordinator.stop, runtime.close);
  return { coordinator, runtime, agent, dataDir: dataDir.path };
}

const of = (ref: { task: string; attempt: number }) => (frame: { task: string; attempt: number }) =>
  frame.task === ref.task && frame.attempt === ref.attempt;

describe("an attempt on a node", () => {
  test("is told as started, run with its own key, and answered", async () => {
    const { coordinator, runtime, agent } = await setUp();
    expect(agent.selfTest).toMatchObject({ reached: true, authenticated: true, slots: 4 });
    const session = { key: "a".repeat(32), name: "lake" };
    const ref = coordinator.offer("hello", { session, labels: { team: "birds" }, effects: "safe" });
    const run = await runtime.nextRun();
    expect(await coordinator.find("started", of(ref))).toEqual({
      type: "started",
      ...ref,
      runtime: "echo",
    });
    expect(run.attempt).toMatchObject({
      key: `${ref.task}.${ref.attempt}`,
      content: "hello",
      source: "test",
      // A machine may be a node of two meshes: the runtime is given a key of this mesh.
      session: { key: expect.stringMatching(/^[0-9a-f]{32}$/), name: "lake" },
      labels: { team: "birds" },
      effects: "safe",
      timeoutMs: 60_000,
    });
    expect(run.attempt.session?.key).not.toBe(session.key);
    run.succeed("hi there");
    expect(await coordinator.find("result", of(ref))).toEqual({
      type: "result",
      ...ref,
      length: 8,
      text: "hi there",
    });
  });

  test("goes through the real echo runtime", async () => {
    const { coordinator } = await setUp({
      agent: { runtimes: [createEchoRuntime({ clock: systemClock })] },
    });
    const refs = Array.from({ length: 4 }, (_, index) => coordinator.offer(`bird ${index}`));
    for (const [index, ref] of refs.entries()) {
      expect((await coordinator.find("result", of(ref))).text).toContain(`bird ${index}`);
    }
  });

  test("streams what the runtime says, merged within a turn, and nothing that the result supersedes", async () => {
    const { coordinator, runtime } = await setUp();
    const ref = coordinator.offer("stream");
    const run = await runtime.nextRun();
    run.say("one ");
    run.say("two ");
    expect(await coordinator.find("chunk", of(ref))).toMatchObject({ offset: 0, text: "one two " });
    run.say("three");
    expect(await coordinator.find("chunk", of(ref))).toMatchObject({ offset: 8, text: "three" });
    run.say(" unseen");
    run.succeed("one two three unseen");
    await coordinator.find("result", of(ref));
    expect(coordinator.frames.filter((frame) => frame.type === "chunk").length).toBe(2);
  });

  test("brings a long answer as final chunks with its length and hash", async () => {
    const { coordinator, runtime } = await setUp();
    const ref = coordinator.offer("long");
    const text = "鹭🪶x".repeat(1_500_000 / 4);
    expect(text.length).toBeGreaterThan(maxInlineLength);
    (await runtime.nextRun()).succeed(text);
    const result = await coordinator.find("result", of(ref));
    expect(result).toEqual({ type: "result", ...ref, length: text.length, sha256: sha256Hex(text) });
    const pieces = coordinator.frames.filter((frame) => frame.type === "chunk");
    expect(pieces.every((piece) => piece.final === true && piece.text.length <= maxChunkLength)).toBe(true);
    expect(pieces.map((piece) => piece.text).join("")).toBe(text);
  });

  test("brings 8 MiB and fails beyond", async () => {
    const { coordinator, runtime } = await setUp();
    const fits = coordinator.offer("fits");
    (await runtime.nextRun()).succeed("x".repeat(8 * 1024 * 1024));
    expect((await coordinator.find("result", of(fits))).length).toBe(8 * 1024 * 1024);
    const tooLong = coordinator.offer("too long");
    (await runtime.nextRun()).succeed("x".repeat(8 * 1024 * 1024 + 1));
    expect((await coordinator.find("failed", of(tooLong))).failure.class).toBe("too_large");
  });

  test("fails with the runtime's own failure, and with ours when the adapter throws", async () => {
    const { coordinator, runtime } = await setUp();
    const failing = coordinator.offer("fail");
    const failure = { class: "runtime_error" as const, kind: "quota" as const, message: "no credit left" };
    (await runtime.nextRun()).settle({ kind: "failed", failure });
    expect((await coordinator.find("failed", of(failing))).failure).toEqual(failure);
    const throwing = coordinator.offer("throw");
    (await runtime.nextRun()).settle(Promise.reject(new Error("a fault")) as never);
    const { failure: fault } = await coordinator.find("failed", of(throwing));
    expect(fault).toMatchObject({ class: "runtime_error", kind: "internal" });
    expect(fault.message).not.toContain("a fault");
  });

  test("is cancelled with the reason", async () => {
    const { coordinator, runtime } = await setUp();
    const ref = coordinator.offer("cancel me");
    const run = await runtime.nextRun();
    coordinator.send({ type: "cancel", ...ref, reason: "cancelled" });
    expect(await run.stopped).toBe("cancelled");
    run.settle({ kind: "cancelled" });
    await coordinator.find("cancelled", of(ref));
  });

  test("is cancelled though the cancel came in the same message as the offer", async () => {
    const { coordinator, runtime } = await setUp();
    coordinator.send({ type: "ping" });
    const ref = coordinator.offer("cancel me at once");
    coordinator.send({ type: "cancel", ...ref, reason: "cancelled" });
    expect(await (await runtime.nextRun()).stopped).toBe("cancelled");
  });

  test("times out by the agent's own clock", async () => {
    const { coordinator, runtime } = await setUp();
    const ref = coordinator.offer("slow", { timeout_ms: 50 });
    const run = await runtime.nextRun();
    expect(await run.stopped).toBe("timeout");
    run.settle({ kind: "failed", failure: { class: "timeout", message: "over" } });
    expect((await coordinator.find("failed", of(ref))).failure.class).toBe("timeout");
  });

  test("obeys the operator's limit when it is shorter than the task's", async () => {
    const { runtime, coordinator } = await setUp({ agent: { maxRunMs: 50 } });
    coordinator.offer("slow", { timeout_ms: 60_000 });
    const run = await runtime.nextRun();
    expect(run.attempt.timeoutMs).toBe(50);
    expect(await run.stopped).toBe("timeout");
  });
});

describe("a node refuses", () => {
  test("more than its slots, and takes work again when one is free", async () => {
    const { coordinator, runtime } = await setUp({ runtime: { slots: 2 } });
    coordinator.offer("1");
    coordinator.offer("2");
    const [first] = [await runtime.nextRun(), await runtime.nextRun()];
    const third = coordinator.offer("3");
    expect((await coordinator.find("refuse", of(third))).reason).toBe("full");
    first?.succeed("done");
    await coordinator.find("result");
    coordinator.offer("4");
    expect((await runtime.nextRun()).attempt.content).toBe("4");
  });

  test("with the operator's slots before the runtime's", async () => {
    const { coordinator, agent } = await setUp({ runtime: { slots: 8 }, agent: { slots: 1 } });
    expect(agent.selfTest.slots).toBe(1);
    expect(coordinator.hellos[0]?.slots).toBe(1);
    coordinator.offer("1");
    const second = coordinator.offer("2");
    expect((await coordinator.find("refuse", of(second))).reason).toBe("full");
  });

  test("a kind of runtime it does not have", async () => {
    const { coordinator } = await setUp();
    const ref = coordinator.offer("x", { runtime: "zeroclaw" });
    expect((await coordinator.find("refuse", of(ref))).reason).toBe("no_such_runtime");
  });

  test("while its runtime is not ready, and tells both changes", async () => {
    const { coordinator, runtime } = await setUp({ coordinator: { beatMs: 100 } });
    runtime.setReady("the gateway is down");
    await coordinator.find("status", (frame) => frame.runtimes[0]?.ready === false);
    const ref = coordinator.offer("x");
    expect(await coordinator.find("refuse", of(ref))).toMatchObject({
      reason: "not_ready",
      message: "echo: the gateway is down",
    });
    coordinator.forget();
    runtime.setReady(null);
    await coordinator.find("status", (frame) => frame.runtimes[0]?.ready === true);
    coordinator.offer("y");
    expect((await runtime.nextRun()).attempt.content).toBe("y");
  });
});

describe("a node tells", () => {
  test("its load each beat", async () => {
    const { coordinator, runtime } = await setUp({ coordinator: { beatMs: 100 } });
    coordinator.offer("x");
    await runtime.nextRun();
    const status = await coordinator.find("status", (frame) => frame.load.in_flight === 1);
    expect(status.load.memory).toBeGreaterThan(0);
  });

  test("which attempts wait for their gateway, at once", async () => {
    const { coordinator, runtime } = await setUp();
    const ref = coordinator.offer("x");
    const run = await runtime.nextRun();
    run.control.onRecovering(true);
    expect((await coordinator.find("status", (frame) => frame.recovering.length > 0)).recovering).toEqual([
      ref,
    ]);
    run.control.onRecovering(false);
    await coordinator.find("status", (frame) => frame.recovering.length === 0 && frame.load.in_flight === 1);
  });
});

describe("a repeated offer", () => {
  test("of a running attempt joins it", async () => {
    const { coordinator, runtime } = await setUp();
    const ref = coordinator.offer("once");
    const run = await runtime.nextRun();
    await coordinator.find("started", of(ref));
    run.say("half");
    await coordinator.find("chunk", of(ref));
    coordinator.offer("once", ref);
    await coordinator.find("started", of(ref));
    expect(await coordinator.find("chunk", of(ref))).toMatchObject({ offset: 0, text: "half" });
    run.succeed("whole");
    await coordinator.find("result", of(ref));
    expect(runtime.runs.length).toBe(1);
  });

  test("of a finished attempt is answered from the journal until it is acknowledged", async () => {
    const { coordinator, runtime } = await setUp();
    const ref = coordinator.offer("once");
    (await runtime.nextRun()).succeed("the answer");
    await coordinator.find("result", of(ref));
    coordinator.offer("once", ref);
    expect((await coordinator.find("result", of(ref))).text).toBe("the answer");
    expect(runtime.runs.length).toBe(1);
    coordinator.send({ type: "ack", ...ref });
    coordinator.offer("once", ref);
    expect((await runtime.nextRun()).attempt.content).toBe("once");
  });
});

describe("an attempt that the coordinator does not know", () => {
  test("is stopped and forgotten", async () => {
    const { coordinator, runtime } = await setUp();
    const ref = coordinator.offer("orphan");
    const run = await runtime.nextRun();
    coordinator.send({ type: "ack", ...ref, unknown: true });
    expect(await run.stopped).toBe("superseded");
    run.settle({ kind: "cancelled" });
    const next = coordinator.offer("next");
    (await runtime.nextRun()).succeed("ok");
    await coordinator.find("result", of(next));
    expect(coordinator.frames.some((frame) => frame.type === "cancelled")).toBe(false);
  });
});

describe("leaving", () => {
  test("on stop: refuses, finishes what runs, says goodbye", async () => {
    const { coordinator, runtime, agent } = await setUp({ agent: { stopLimitMs: 5_000 } });
    const ref = coordinator.offer("finish me");
    const run = await runtime.nextRun();
    const stopped = agent.stop("time to go");
    const late = coordinator.offer("too late");
    expect((await coordinator.find("refuse", of(late))).reason).toBe("draining");
    run.succeed("finished");
    await coordinator.find("result", of(ref));
    coordinator.send({ type: "ack", ...ref });
    expect((await coordinator.find("goodbye")).reason).toBe("time to go");
    await stopped;
    expect(await agent.done).toEqual({ reason: "time to go", error: null });
  });

  test("on stop: cancels what does not finish in time", async () => {
    const { coordinator, runtime, agent } = await setUp({ agent: { stopLimitMs: 50 } });
    const ref = coordinator.offer("endless");
    const run = await runtime.nextRun();
    const stopped = agent.stop();
    expect(await run.stopped).toBe("cancelled");
    run.settle({ kind: "cancelled" });
    await coordinator.find("cancelled", of(ref));
    coordinator.send({ type: "ack", ...ref });
    await stopped;
  });

  test("on drain: the same, then the agent is done", async () => {
    const { coordinator, runtime, agent } = await setUp();
    const ref = coordinator.offer("finish me");
    const run = await runtime.nextRun();
    coordinator.send({ type: "drain", deadline_ms: 5_000, reason: "maintenance" });
    const late = coordinator.offer("too late");
    await coordinator.find("refuse", of(late));
    run.succeed("finished");
    await coordinator.find("result", of(ref));
    coordinator.send({ type: "ack", ...ref });
    await coordinator.find("goodbye");
    expect(await agent.done).toEqual({ reason: "drained", error: null });
  });

  test("on a drain that is taken back: takes work again; until then its hello says that it drains", async () => {
    const { coordinator, runtime } = await setUp();
    const ref = coordinator.offer("long");
    const run = await runtime.nextRun();
    coordinator.send({ type: "drain", deadline_ms: 60_000, reason: "maintenance" });
    await coordinator.find("refuse", of(coordinator.offer("not now")));
    coordinator.link()?.close(closeCodes.goingAway, "");
    await coordinator.nextHello();
    const again = await until("its hello on the next link", async () => coordinator.hellos[1]);
    expect(again).toMatchObject({ draining: true, running: [ref] });
    await until("the next link", async () => coordinator.link());
    coordinator.send({ type: "undrain" });
    await coordinator.find("started", of(coordinator.offer("welcome again")));
    run.succeed("done");
    await coordinator.find("result", of(ref));
    expect((await runtime.nextRun()).attempt.content).toBe("welcome again");
    expect(coordinator.frames.some(({ type }) => type === "goodbye")).toBe(false);
  });

  test("when replaced: ends and does not come back", async () => {
    const { coordinator, agent } = await setUp();
    coordinator.link()?.close(closeCodes.replaced, "");
    const { error } = await agent.done;
    expect(error?.code).toBe("NODE_ALREADY_LINKED");
    expect(coordinator.hellos.length).toBe(1);
  });

  test("when removed: ends and says so", async () => {
    const { coordinator, agent } = await setUp();
    coordinator.link()?.close(closeCodes.removed, "");
    expect((await agent.done).error?.code).toBe("NODE_NOT_FOUND");
  });
});

describe("an attempt that the node said it never started", () => {
  test("is not run when its offer comes after all", async () => {
    const { coordinator, runtime } = await setUp();
    const ref = { task: systemIds.task(), attempt: 2 };
    coordinator.setWelcome({ resume: [{ ...ref, offset: 0 }] });
    coordinator.link()?.close(closeCodes.goingAway, "");
    expect(await coordinator.find("lost", of(ref))).toMatchObject({ started: false, fenced: true });
    coordinator.offer("late", ref);
    const next = coordinator.offer("next");
    expect((await runtime.nextRun()).attempt.content).toBe("next");
    await coordinator.find("started", of(next));
    expect(await coordinator.find("lost", of(ref))).toMatchObject({ started: false, fenced: true });
    expect(runtime.runs.length).toBe(1);
  });

  test("because it refused it, is not run when it is offered again", async () => {
    const { coordinator, runtime } = await setUp({ agent: { slots: 1 } });
    const first = coordinator.offer("1");
    const run = await runtime.nextRun();
    const second = coordinator.offer("2");
    await coordinator.find("refuse", of(second));
    run.succeed("done");
    await coordinator.find("result", of(first));
    coordinator.offer("2", second);
    expect(await coordinator.find("lost", of(second))).toMatchObject({ started: false, fenced: true });
    expect(runtime.runs.length).toBe(1);
  });
});
