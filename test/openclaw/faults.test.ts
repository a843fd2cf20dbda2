import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { toSessionKey } from "../../src/runtimes/openclaw/session-key.ts";
import type { Runtime } from "../../src/runtimes/runtime.ts";
import { startCuttingProxy } from "../support/openclaw/cutting-proxy.ts";
import { createTestAttempt, uniqueText, watch } from "../support/openclaw/observed-run.ts";
import { untilPending } from "../support/openclaw/pending-input.ts";
import { openPlainClient } from "../support/openclaw/plain-client.ts";
import {
  isOpenclawWanted,
  type OpenclawRig,
  rigTimeoutMs,
  sharedRig,
} from "../support/openclaw/shared-gateway.ts";
import { createTestRuntime } from "../support/openclaw/subject.ts";

const sessionKey = () => crypto.randomUUID().replaceAll("-", "");
/** A killed gateway is ready again after 10 s, on a busy machine after 30 s, and recovers one run after another. */
const restartLimitMs = 150_000;

describe.skipIf(!isOpenclawWanted)("faults around the real OpenClaw", () => {
  let rig: OpenclawRig;
  beforeAll(async () => {
    rig = await sharedRig();
  }, rigTimeoutMs);

  describe("a connection that is cut while the gateway lives", () => {
    let runtime: Runtime;
    let proxy: ReturnType<typeof startCuttingProxy>;
    beforeEach(() => {
      proxy = startCuttingProxy(rig.gateway.port);
      runtime = createTestRuntime(rig.gateway, { url: proxy.url });
    });
    afterEach(async () => {
      await runtime.close();
      proxy[Symbol.dispose]();
    });

    test("leaves the run alone, and its whole answer arrives", async () => {
      const text = uniqueText("cut");
      const run = watch(runtime, createTestAttempt(`[[chunks 20 200]] ${text}`));
      await run.firstChunk;
      proxy.cut();
      const parts = Array.from({ length: 20 }, (_, index) => `part${index + 1} `).join("");
      expect(await run.outcome).toEqual({ kind: "succeeded", text: `${parts}answer to: ${text}` });
      expect(run.text()).toBe(`${parts}answer to: ${text}`);
      expect(run.recovering).toEqual([true, false]);
      expect(rig.provider.count(text)).toMatchObject({ calls: 1, aborted: 0 });
    }, 40_000);

    test("and stays cut until after the run has ended, gives the whole of a long answer", async () => {
      const text = uniqueText("ended meanwhile");
      const run = watch(runtime, createTestAttempt(`[[sleep 1500]][[size 50000]] ${text}`));
      await rig.provider.until(text, (count) => count.inFlight === 1);
      proxy.cut(4_000);
      expect(await run.outcome).toEqual({ kind: "succeeded", text: "x".repeat(50_000) });
      expect(run.text()).toHaveLength(50_000);
      expect(rig.provider.count(text)).toMatchObject({ calls: 1 });
    }, 40_000);

    test("lets a run be cancelled as soon as the connection is back", async () => {
      const text = uniqueText("cut and cancelled");
      const run = watch(runtime, createTestAttempt(`[[hang]] ${text}`));
      await rig.provider.until(text, (count) => count.inFlight === 1);
      proxy.cut(1_000);
      run.stop("cancelled");
      expect(await run.outcome).toEqual({ kind: "cancelled" });
      await rig.provider.until(text, (count) => count.aborted === 1);
    }, 40_000);

    test("keeps eight runs apart when they all lose their connection", async () => {
      const texts = Array.from({ length: 8 }, (_, index) => uniqueText(`cut ${index}`));
      const runs = texts.map((text) => watch(runtime, createTestAttempt(`[[sleep 3000]] ${text}`)));
      await Promise.all(texts.map((text) => rig.provider.until(text, (count) => count.inFlight === 1)));
      proxy.cut(500);
      const outcomes = await Promise.all(runs.map((run) => run.outcome));
      expect(outcomes).toEqual(texts.map((text) => ({ kind: "succeeded", text: `answer to: ${text}` })));
      for (const text of texts) expect(rig.provider.count(text).calls).toBe(1);
    }, 60_000);
  });

  test("notices a frozen gateway within seconds, and goes on when it thaws", async () => {
    const runtime = createTestRuntime(rig.gateway);
    const text = uniqueText("frozen");
    const run = watch(runtime, createTestAttempt(`[[sleep 2000]] ${text}`));
    await rig.provider.until(text, (count) => count.inFlight === 1);
    rig.gateway.freeze(true);
    try {
      await until(() => run.recovering.includes(true), 10_000);
    } finally {
      rig.gateway.freeze(false);
    }
    expect(await run.outcome).toEqual({ kind: "succeeded", text: `answer to: ${text}` });
    expect(rig.provider.count(text).calls).toBe(1);
    await runtime.close();
  }, 60_000);

  describe("a node agent that was restarted", () => {
    test("takes up a run that goes on", async () => {
      const [former, runtime] = [createTestRuntime(rig.gateway), createTestRuntime(rig.gateway)];
      const text = uniqueText("handed on");
      const abandoned = watch(former, createTestAttempt(`[[chunks 15 200]] ${text}`));
      await abandoned.firstChunk;
      await former.close();
      expect(await abandoned.outcome).toMatchObject({ kind: "lost", started: true });
      const run = watch(runtime, abandoned.attempt, "reattach");
      expect(await run.outcome).toMatchObject({ kind: "succeeded", text: expect.stringContaining(text) });
      expect(rig.provider.count(text).calls).toBe(1);
      await runtime.close();
    }, 40_000);

    test("fetches an answer that was complete before it came back", async () => {
      const [former, runtime] = [createTestRuntime(rig.gateway), createTestRuntime(rig.gateway)];
      const text = uniqueText("done before");
      const run = watch(former, createTestAttempt(text));
      expect(await run.outcome).toMatchObject({ kind: "succeeded" });
      await former.close();
      const again = watch(runtime, run.attempt, "reattach");
      expect(await again.outcome).toEqual({ kind: "succeeded", text: `answer to: ${text}` });
      expect(rig.provider.count(text).calls).toBe(1);
      await runtime.close();
    }, 40_000);

    test("fences a run of its former self", async () => {
      const [former, runtime] = [createTestRuntime(rig.gateway), createTestRuntime(rig.gateway)];
      const text = uniqueText("fenced");
      const run = watch(former, createTestAttempt(`[[hang]] ${text}`));
      await rig.provider.until(text, (count) => count.inFlight === 1);
      await former.close();
      await run.outcome;
      expect(await runtime.fence(run.attempt)).toBe(true);
      await rig.provider.until(text, (count) => count.aborted === 1);
      await runtime.close();
    }, 40_000);
  });

  describe("a gateway that is killed and comes back", () => {
    let runtime: Runtime;
    beforeAll(() => {
      runtime = createTestRuntime(rig.gateway);
    });
    afterAll(() => runtime.close());

    test(
      "gives the answers that it recovers by itself, and no others",
      async () => {
        const limits = { timeoutMs: 120_000 };
        const session = { key: sessionKey(), name: "crashed talk" };
        const [plain, talk, queued, doomed] = ["plain", "talk", "queued", "doomed"].map(uniqueText) as [
          string,
          string,
          string,
          string,
        ];
        const alone = watch(runtime, createTestAttempt(`[[chunks 3 300]][[hang]] ${plain}`, limits));
        const talking = watch(runtime, createTestAttempt(`[[hang]] ${talk}`, { session, ...limits }));
        const short = watch(runtime, createTestAttempt(`[[hang]] ${doomed}`, limits));
        for (const text of [plain, talk, doomed])
          await rig.provider.until(text, (count) => count.inFlight === 1);
        const waiting = watch(runtime, createTestAttempt(queued, { session, ...limits }));
        {
          using client = await openPlainClient(rig.gateway);
          await untilPending(client, toSessionKey(waiting.attempt), waiting.attempt.key);
        }

        await rig.gateway.kill("SIGKILL");
        await until(() => alone.recovering.length > 0 && talking.recovering.length > 0, 5_000);
        // Given up while the gateway is away: nobody can say what becomes of it.
        short.stop("timeout");
        expect(await short.outcome).toMatchObject({ kind: "lost", started: true, fenced: false });
        await rig.gateway.start();

        const expected = `part1 part2 part3 recovered answer to: ${plain}`;
        expect(await alone.outcome).toEqual({ kind: "succeeded", text: expected });
        expect(alone.text()).toBe(expected);
        expect(await talking.outcome).toEqual({ kind: "succeeded", text: `recovered answer to: ${talk}` });
        for (const text of [plain, talk]) {
          expect(rig.provider.count(text)).toMatchObject({ calls: 2, recoveryCalls: 1 });
        }
        expect(await waiting.outcome).toMatchObject({
          kind: "failed",
          failure: { class: "runtime_error", kind: "internal", nothing_done: true },
        });
        expect(rig.provider.count(queued).calls).toBe(0);
      },
      restartLimitMs,
    );

    test(
      "does nothing more for a task that was fenced before it could recover it",
      async () => {
        const limits = { timeoutMs: 120_000 };
        const [text, before, after] = ["fenced after a crash", "before it", "after it"].map(uniqueText) as [
          string,
          string,
          string,
        ];
        const begin = async (message: string) => {
          const begun = watch(runtime, createTestAttempt(`[[hang]] ${message}`, limits));
          await rig.provider.until(message, (count) => count.inFlight === 1);
          return begun;
        };
        const first = await begin(before);
        const run = await begin(text);
        const last = await begin(after);
        await rig.gateway.kill("SIGKILL");
        const started = rig.gateway.start();
        await until(() => run.recovering.at(-1) === false, 90_000);
        run.stop("superseded");
        expect(await run.outcome).toEqual({ kind: "cancelled" });
        await started;
        // The gateway recovers one run after another: when it has answered both neighbours, it has passed this one.
        for (const neighbour of [first, last])
          expect(await neighbour.outcome).toMatchObject({ kind: "succeeded" });
        expect(rig.provider.count(text).inFlight).toBe(0);
        using client = await openPlainClient(rig.gateway);
        const history = await client.request("chat.history", {
          sessionKey: toSessionKey(run.attempt),
        });
        expect(JSON.stringify(history.payload)).not.toContain("recovered answer");
      },
      restartLimitMs,
    );
  });
});

async function until(condition: () => boolean, withinMs: number): Promise<void> {
  const endsAtMs = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > endsAtMs) throw new Error(`it did not happen within ${withinMs} ms`);
    await Bun.sleep(20);
  }
}
