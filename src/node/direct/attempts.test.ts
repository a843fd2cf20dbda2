import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { createScriptedRuntime } from "../../../test/support/scripted-runtime.ts";
import { until } from "../../../test/support/until.ts";
import { createDeadlines } from "../../platform/deadlines.ts";
import { silentLog } from "../../platform/log.ts";
import type { RuntimeKind } from "../../protocol/capability.ts";
import type { DirectMessage, DirectOffer } from "../../protocol/direct.ts";
import type { AttemptKey } from "../../protocol/ids.ts";
import { createRuntimeWatch } from "../runtime-watch.ts";
import {
  type AttemptEnd,
  createDirectAttempts,
  keepOutcomeMs,
  maxKeptBytes,
  maxKeptOutcomes,
  maxWaitingAttempts,
  orphanLimitMs,
} from "./attempts.ts";

const here = new AbortController().signal;
const offer: DirectOffer = { timeout_ms: 1000, effects: "safe" };
const message = (id: string, content = "work"): DirectMessage => ({ id, content, source: "cli" });

function start(slots = 1) {
  const clock = createManualClock();
  const runtime = createScriptedRuntime();
  const attempts = createDirectAttempts({
    meshId: null,
    watch: {
      slots: () => slots,
      pick: () => ({ kind: "picked", runtime }),
      occupy: () => () => {},
      onChange: () => () => {},
    },
    maxRunMs: null,
    clock,
    deadlines: createDeadlines(clock),
    log: silentLog,
    onIdle: () => {},
  });
  return { clock, runtime, attempts };
}

describe("the attempts of a direct node", () => {
  test("run once per id, however often it comes", async () => {
    const { attempts, runtime } = start();
    const ends = [1, 2, 3].map(() => attempts.take(message("a"), null, here));
    (await runtime.nextRun()).succeed("done");
    for (const end of await Promise.all(ends)) expect(end).toEqual({ kind: "succeeded", text: "done" });
    expect(await attempts.take(message("a"), null, here)).toEqual({ kind: "succeeded", text: "done" });
    expect(runtime.runs).toHaveLength(1);
    expect(await attempts.take(message("a", "other"), null, here)).toEqual({ kind: "conflict" });
  });

  test("keep an outcome for an hour", async () => {
    const { attempts, runtime, clock } = start();
    const first = attempts.take(message("a"), null, here);
    (await runtime.nextRun()).succeed("done");
    await first;
    clock.advance(keepOutcomeMs);
    await attempts.take(message("a"), null, here);
    expect(runtime.runs).toHaveLength(1);
    clock.advance(1);
    void attempts.take(message("a"), null, here);
    expect(runtime.runs).toHaveLength(2);
  });

  test("keep no more outcomes than fit", async () => {
    const { attempts, runtime } = start();
    for (let index = 0; index < maxKeptOutcomes + 2; index += 1) {
      const end = attempts.take(message(`m${index}`), null, here);
      (await runtime.nextRun()).succeed("done");
      await end;
    }
    await attempts.take(message("m1001"), null, here);
    void attempts.take(message("m0"), null, here);
    expect(runtime.runs.at(-1)?.attempt.key as string).toBe("m0");
  });

  test("keep no more bytes of outcomes than fit, whatever was asked", async () => {
    const { attempts, runtime } = start();
    const run = async (id: string, text: string) => {
      const end = attempts.take(message(id), null, here);
      (await runtime.nextRun()).succeed(text);
      await end;
    };
    // Two bytes each in UTF-8; and so long that eight of them fit, less what is around them.
    const text = "é".repeat(maxKeptBytes / 16 - 100);
    for (let index = 0; index < 9; index += 1) await run(`m${index}`, text);
    await attempts.take(message("m1"), null, here);
    expect(runtime.runs).toHaveLength(9);
    void attempts.take(message("m0"), null, here);
    expect(runtime.runs).toHaveLength(10);
  });

  test("keep nothing of a message when it has ended", async () => {
    const { attempts, runtime } = start();
    const collected = new Set<string>();
    const registry = new FinalizationRegistry<string>((id) => collected.add(id));
    const runOne = async (id: string) => {
      const one = message(id, `${id} ${"x".repeat(1000)}`);
      registry.register(one, id);
      const end = attempts.take(one, null, here);
      (await runtime.nextRun()).succeed("done");
      await end;
    };
    for (let index = 0; index < 20; index += 1) await runOne(`m${index}`);
    // What the test's runtime remembers is not the node's.
    runtime.runs.length = 0;
    await until("messages to be collected", () => {
      Bun.gc(true);
      return Promise.resolve(collected.size > 10);
    });
    expect(await attempts.take(message("m0"), null, here)).toEqual({ kind: "conflict" });
  });

  test("wait for a slot when the coordinator is a classic one, up to a limit", async () => {
    const { attempts, runtime } = start();
    void attempts.take(message("running"), null, here);
    const waiting = Array.from({ length: maxWaitingAttempts }, (_, index) =>
      attempts.take(message(`w${index}`), null, here),
    );
    expect(await attempts.take(message("more"), null, here)).toMatchObject({
      kind: "refused",
      reason: "full",
    });
    expect(runtime.runs).toHaveLength(1);
    (await runtime.nextRun()).succeed("1");
    (await runtime.nextRun()).succeed("2");
    expect(await waiting[0]).toEqual({ kind: "succeeded", text: "2" });
  });

  test("are refused at once when all slots are taken and the coordinator is one of ours", async () => {
    const { attempts, runtime } = start();
    void attempts.take(message("a"), offer, here);
    expect(await attempts.take(message("b"), offer, here)).toMatchObject({ kind: "refused", reason: "full" });
    (await runtime.nextRun()).succeed("done");
    await Promise.resolve();
    void attempts.take(message("b"), offer, here);
    expect((await runtime.nextRun()).attempt.key as string).toBe("b");
  });

  test("go on for a while when a classic coordinator's call breaks, and are stopped when no repeat comes", async () => {
    const { attempts, runtime, clock } = start();
    const call = new AbortController();
    void attempts.take(message("a"), null, call.signal);
    const run = await runtime.nextRun();
    call.abort();
    clock.advance(orphanLimitMs - 100);
    const repeat = new AbortController();
    void attempts.take(message("a"), null, repeat.signal);
    clock.advance(orphanLimitMs * 2);
    expect(run.control.signal.aborted).toBe(false);
    repeat.abort();
    clock.advance(orphanLimitMs + 100);
    expect(await run.stopped).toBe("cancelled");
  });

  test("are stopped at once when our own coordinator ends its call", async () => {
    const { attempts, runtime, clock } = start();
    const call = new AbortController();
    void attempts.take(message("a"), offer, call.signal);
    const run = await runtime.nextRun();
    call.abort();
    clock.advance(20);
    expect(await run.stopped).toBe("cancelled");
  });

  test("that wait are forgotten when their caller goes, and never begin", async () => {
    const { attempts, runtime, clock } = start();
    void attempts.take(message("running"), null, here);
    const call = new AbortController();
    const end: Promise<AttemptEnd> = attempts.take(message("waiting"), null, call.signal);
    call.abort();
    clock.advance(orphanLimitMs + 100);
    expect(await end).toEqual({ kind: "cancelled" });
    (await runtime.nextRun()).succeed("done");
    await Promise.resolve();
    expect(runtime.runs).toHaveLength(1);
  });

  test("are refused while the node leaves, but for repeats", async () => {
    const { attempts, runtime } = start();
    const first = attempts.take(message("a"), null, here);
    const run = await runtime.nextRun();
    attempts.drain();
    expect(await attempts.take(message("b"), null, here)).toMatchObject({
      kind: "refused",
      reason: "draining",
    });
    const again = attempts.take(message("a"), null, here);
    run.succeed("done");
    expect(await again).toEqual(await first);
    expect(attempts.inFlight()).toBe(0);
  });
});

describe("the attempts of a node with several runtimes", () => {
  /** Of one slot each. */
  const setUp = async (kinds: readonly [RuntimeKind, RuntimeKind]) => {
    const [first, second] = [
      createScriptedRuntime({ kind: kinds[0] }),
      createScriptedRuntime({ kind: kinds[1] }),
    ] as const;
    const clock = createManualClock();
    const slotsOf = new Map<RuntimeKind, number>(kinds.map((kind) => [kind, 1]));
    const watch = createRuntimeWatch({ runtimes: [first, second], slots: null, slotsOf, clock });
    await watch.probe();
    const attempts = createDirectAttempts({
      meshId: null,
      watch,
      maxRunMs: null,
      clock,
      deadlines: createDeadlines(clock),
      log: silentLog,
      onIdle: () => {},
    });
    return { first, second, watch, attempts };
  };
  const needs = (runtime: RuntimeKind): DirectOffer => ({ ...offer, runtime });

  test("go as soon as another of its runtimes is ready", async () => {
    const { first, second, watch, attempts } = await setUp(["openclaw", "zeroclaw"]);
    second.setReady("it is away");
    await watch.probe();
    for (const id of ["a", "b"]) void attempts.take(message(id), null, here);
    expect([first.runs.length, second.runs.length]).toEqual([1, 0]);
    second.setReady(null);
    await watch.probe();
    expect((await second.nextRun()).attempt.key).toBe("b" as AttemptKey);
  });

  test("are not held up by one that waits for a runtime that is full", async () => {
    const { first, second, attempts } = await setUp(["openclaw", "echo"]);
    void attempts.take(message("a"), null, here);
    void attempts.take(message("b"), null, here);
    expect(attempts.inFlight()).toBe(2);
    expect(await attempts.take(message("c"), needs("openclaw"), here)).toMatchObject({ reason: "full" });
    void attempts.take(message("d"), needs("echo"), here);
    expect((await second.nextRun()).attempt.key).toBe("d" as AttemptKey);
    expect(first.runs).toHaveLength(1);
  });
});
