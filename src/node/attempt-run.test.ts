import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../test/support/manual-clock.ts";
import { createScriptedRuntime, type ScriptedRuntimeOptions } from "../../test/support/scripted-runtime.ts";
import { createDeadlines } from "../platform/deadlines.ts";
import { type MeshId, type TaskId, toAttemptKey } from "../protocol/ids.ts";
import type { OfferFrame } from "../protocol/link/v1/frames.ts";
import type { RunOutcome } from "../runtimes/runtime.ts";
import { type AttemptRunDeps, reattachRun, startRun, stopLimitMs } from "./attempt-run.ts";

const task = `task_${"0".repeat(32)}` as TaskId;

function setUp(parts: { runtime?: ScriptedRuntimeOptions; offer?: Partial<OfferFrame> } = {}) {
  const clock = createManualClock();
  const runtime = createScriptedRuntime(parts.runtime);
  const outcomes: RunOutcome[] = [];
  const faults: unknown[] = [];
  const settled = Promise.withResolvers<RunOutcome>();
  const deps: AttemptRunDeps = {
    key: toAttemptKey(task, 1),
    offer: {
      type: "offer",
      task,
      attempt: 1,
      content: "hi",
      source: "test",
      effects: "unsafe",
      timeout_ms: 60_000,
      ...parts.offer,
    },
    startedAtMs: clock.nowMs(),
    runtime,
    meshId: null,
    maxRunMs: null,
    clock,
    deadlines: createDeadlines(clock),
    onText: () => {},
    onRecovering: () => {},
    onSettled: (_, outcome) => {
      outcomes.push(outcome);
      settled.resolve(outcome);
    },
    onFault: (error) => faults.push(error),
  };
  return { clock, runtime, outcomes, faults, deps, settled: settled.promise };
}

describe("a run", () => {
  test.each([
    ["the node's limit when that is smaller", 1_000, 1_000],
    ["the task's time when that is smaller", 90_000, 60_000],
  ])("gets %s", async (_which, maxRunMs, limitMs) => {
    const { clock, runtime, deps } = setUp();
    startRun({ ...deps, maxRunMs });
    const run = await runtime.nextRun();
    expect(run.attempt.timeoutMs).toBe(limitMs);
    clock.advance(limitMs + 100);
    expect(await run.stopped).toBe("timeout");
  });

  test("is stopped when its time is over and settled by the agent 10 s later", async () => {
    const { clock, runtime, outcomes, deps } = setUp();
    startRun(deps);
    const run = await runtime.nextRun();
    clock.advance(60_100);
    expect(await run.stopped).toBe("timeout");
    expect(outcomes).toEqual([]);
    clock.advance(stopLimitMs + 100);
    expect(outcomes).toMatchObject([{ kind: "failed", failure: { class: "timeout" } }]);
    run.succeed("too late");
    await Bun.sleep(0);
    expect(outcomes.length).toBe(1);
  });

  test("whose runtime ignores a cancel is lost, its outcome unknown", async () => {
    const { clock, outcomes, deps } = setUp();
    startRun(deps).stop("cancelled");
    clock.advance(stopLimitMs + 100);
    expect(outcomes).toMatchObject([{ kind: "lost", started: true, fenced: false }]);
  });

  test("keeps the first reason to stop", async () => {
    const { runtime, deps } = setUp();
    const started = startRun(deps);
    const run = await runtime.nextRun();
    started.stop("superseded");
    started.stop("cancelled");
    expect(run.control.signal.reason).toBe("superseded");
  });

  test("shows no text after it has settled", async () => {
    const { runtime, deps, settled } = setUp();
    const started = startRun(deps);
    const run = await runtime.nextRun();
    run.say("one");
    run.succeed("one");
    await settled;
    run.say("two");
    expect(started.text.length()).toBe(3);
  });

  test("fails as internal when its adapter settles with nothing", async () => {
    const { deps, settled, faults } = setUp();
    const broken = { ...deps.runtime, run: () => Promise.resolve(undefined as never) };
    startRun({ ...deps, runtime: broken });
    expect(await settled).toMatchObject({ kind: "failed", failure: { class: "runtime_error" } });
    expect(faults.length).toBe(1);
  });

  test("fails as internal when its adapter throws at once", async () => {
    const { deps, settled, faults } = setUp();
    const broken = {
      ...deps.runtime,
      run: () => {
        throw new Error("a fault");
      },
    };
    startRun({ ...deps, runtime: broken });
    expect(await settled).toMatchObject({
      kind: "failed",
      failure: { class: "runtime_error", kind: "internal" },
    });
    expect(faults.length).toBe(1);
  });
});

describe("a run left behind by a former process", () => {
  test("ends with what its runtime found out", async () => {
    const { deps, settled } = setUp({
      runtime: { reattach: () => Promise.resolve({ kind: "succeeded", text: "recovered" }) },
    });
    reattachRun(deps);
    expect(await settled).toEqual({ kind: "succeeded", text: "recovered" });
  });

  test("is lost and fenced when its runtime knows nothing of it", async () => {
    const { deps, settled, runtime } = setUp();
    reattachRun(deps);
    expect(await settled).toMatchObject({ kind: "lost", started: true, fenced: true });
    expect(runtime.fenced).toEqual([deps.key]);
  });

  test("is never fenced when it belongs to a named conversation", async () => {
    const { deps, settled, runtime } = setUp({
      offer: { session: { key: "a".repeat(32), name: "lake" } },
    });
    reattachRun(deps);
    expect(await settled).toMatchObject({ kind: "lost", started: true, fenced: false });
    expect(runtime.fenced).toEqual([]);
  });

  test.each([
    ["what is left of its time", null, 40_000],
    ["no more than the node's limit", 30_000, 10_000],
  ])("gets %s", async (_what, maxRunMs, expectedMs) => {
    const { clock, deps } = setUp();
    const seen = Promise.withResolvers<number>();
    const runtime = {
      ...deps.runtime,
      reattach: (attempt: { timeoutMs: number }) => {
        seen.resolve(attempt.timeoutMs);
        return new Promise<never>(() => {});
      },
    };
    clock.advance(20_000);
    reattachRun({ ...deps, runtime, maxRunMs });
    expect(await seen.promise).toBe(expectedMs);
  });
});

describe("the untrusted label", () => {
  test.each([[true], [undefined]] as const)("of an offer (%p) reaches its runtime", async (untrusted) => {
    const { deps, runtime } = setUp({ offer: untrusted === undefined ? {} : { untrusted } });
    startRun(deps);
    expect((await runtime.nextRun()).attempt.isUntrusted).toBe(untrusted === true);
  });

  test("is there when the run is taken up after a restart", async () => {
    const seen = Promise.withResolvers<boolean>();
    const { deps, settled } = setUp({
      offer: { untrusted: true },
      runtime: {
        reattach: ({ isUntrusted }) => {
          seen.resolve(isUntrusted);
          return Promise.resolve({ kind: "succeeded", text: "recovered" });
        },
      },
    });
    reattachRun(deps);
    expect(await seen.promise).toBe(true);
    await settled;
  });
});

describe("the key of a conversation", () => {
  const session = { key: "a".repeat(32), name: "lake" };
  const meshes = [1, 2].map((number) => `mesh_${String(number).repeat(32)}` as MeshId);

  /** What the runtime is given, of an attempt that begins and of one that is taken up. */
  async function keysIn(meshId: MeshId | null) {
    const seen = Promise.withResolvers<string | undefined>();
    const { deps, runtime } = setUp({
      offer: { session },
      runtime: {
        reattach: (attempt) => {
          seen.resolve(attempt.session?.key);
          return Promise.resolve({ kind: "succeeded", text: "recovered" });
        },
      },
    });
    startRun({ ...deps, meshId });
    const { attempt } = await runtime.nextRun();
    expect(attempt.session?.name).toBe("lake");
    reattachRun({ ...deps, meshId });
    return [attempt.session?.key, await seen.promise];
  }

  test("is another one in each mesh, so that two with one gateway never share a conversation", async () => {
    const [first = [], second = []] = await Promise.all(meshes.map(keysIn));
    expect(first[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(first[0]).not.toBe(second[0]);
    expect(first[0]).not.toBe(session.key);
  });

  test("stays the same when the attempt is taken up after a restart", async () => {
    const [begun, takenUp] = await keysIn(meshes[0] ?? null);
    expect(takenUp).toBe(begun);
  });
});

test.each<[string, unknown]>([
  ["a kind that is none", { kind: "failed", failure: { class: "runtime_error", kind: {}, message: "no" } }],
  ["a class that is none", { kind: "failed", failure: { class: "__proto__", message: "no" } }],
  ["a loss that does not say whether it had begun", { kind: "lost", reason: "gone" }],
  ["an end that is none", { kind: "finished" }],
])("an outcome of %s fails as one of the adapter's own", async (_what, outcome) => {
  const { deps, settled } = setUp();
  const runtime = { ...deps.runtime, run: async () => outcome as RunOutcome };
  startRun({ ...deps, runtime });
  expect(await settled).toMatchObject({
    kind: "failed",
    failure: { class: "runtime_error", kind: "internal" },
  });
});
