import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { systemClock } from "../../src/platform/clock.ts";
import { toSessionKey } from "../../src/runtimes/openclaw/session-key.ts";
import type { Runtime, RuntimeAttempt } from "../../src/runtimes/runtime.ts";
import { startCuttingProxy } from "../support/openclaw/cutting-proxy.ts";
import { parseDirectives } from "../support/openclaw/directives.ts";
import { createTestAttempt, uniqueText, type WatchedRun, watch } from "../support/openclaw/observed-run.ts";
import { openPlainClient } from "../support/openclaw/plain-client.ts";
import {
  isOpenclawWanted,
  type OpenclawRig,
  rigTimeoutMs,
  sharedRig,
} from "../support/openclaw/shared-gateway.ts";
import { createTestRuntime } from "../support/openclaw/subject.ts";

/** Answers around the 4,096 UTF-16 code units at which `agent.wait` cuts them, blanks before the cut left out. */
const answers = ["鹭4096", "鹭4097", "鹭4094 🦩5", "🦩2049", "x3000 _1200 y100", "x100 …1"];
/** One more than the gateway shows at once. */
const tooManyNotes = 1_001;

describe.skipIf(!isOpenclawWanted)("what the real OpenClaw remembers", () => {
  let rig: OpenclawRig;
  beforeAll(async () => {
    rig = await sharedRig();
  }, rigTimeoutMs);

  const begin = async (runtime: Runtime, message: string, text: string): Promise<WatchedRun> => {
    const run = watch(runtime, createTestAttempt(`${message} ${text}`));
    await rig.provider.until(text, (count) => count.calls === 1);
    return run;
  };
  const hangAbandoned = async (text: string): Promise<RuntimeAttempt> => {
    const former = createTestRuntime(rig.gateway);
    const run = await begin(former, "[[hang]]", text);
    await former.close();
    await run.outcome;
    return run.attempt;
  };
  const addNotes = async (attempt: RuntimeAttempt, notes: number) => {
    using client = await openPlainClient(rig.gateway);
    for (let index = 0; index < notes; index += 1) {
      const note = { sessionKey: toSessionKey(attempt), message: `note ${index}` };
      expect((await client.request("chat.inject", note)).ok).toBe(true);
    }
  };

  test("gives the whole of answers that ended while the connection was cut", async () => {
    using proxy = startCuttingProxy(rig.gateway.port);
    const runtime = createTestRuntime(rig.gateway, { url: proxy.url });
    const runs = answers.map((answer) => ({ answer, text: uniqueText("ended meanwhile") }));
    const begun = await Promise.all(
      runs.map(({ answer, text }) => begin(runtime, `[[hold]][[runs ${answer}]]`, text)),
    );
    proxy.cut(4_000);
    for (const { text } of runs) rig.provider.release(text);
    for (const [index, run] of begun.entries()) {
      const answer = parseDirectives(`[[runs ${answers[index]}]]`).runs;
      expect(await run.outcome).toEqual({ kind: "succeeded", text: answer ?? "" });
    }
    for (const { text } of runs) expect(rig.provider.count(text).calls).toBe(1);
    await runtime.close();
  }, 60_000);

  test("gives the whole of answers to a node agent that comes back when only the session holds them", async () => {
    const runtime = createTestRuntime(rig.gateway);
    // Two minutes on, the gateway is no longer asked to repeat an answer from memory.
    const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + 120_000 };
    const later = createTestRuntime(rig.gateway, { clock });
    await Promise.all(
      answers.map(async (answer) => {
        const message = `[[runs ${answer}]] ${uniqueText("long ago")}`;
        const run = watch(runtime, createTestAttempt(message));
        const expected = { kind: "succeeded", text: parseDirectives(message).runs ?? "" } as const;
        expect(await run.outcome).toEqual(expected);
        expect(await watch(later, run.attempt, "reattach").outcome).toEqual(expected);
      }),
    );
    await Promise.all([runtime.close(), later.close()]);
  }, 60_000);

  describe("in a session too long to be seen as a whole", () => {
    let runtime: Runtime;
    beforeAll(() => {
      runtime = createTestRuntime(rig.gateway);
    });
    afterAll(() => runtime.close());

    test("a run that goes on is stopped before it counts as fenced", async () => {
      const text = uniqueText("buried");
      const attempt = await hangAbandoned(text);
      await addNotes(attempt, tooManyNotes);
      expect(rig.provider.count(text)).toMatchObject({ inFlight: 1 });
      expect(await runtime.fence(attempt)).toBe(true);
      await rig.provider.until(text, (count) => count.aborted === 1);
    }, 90_000);

    test("a run whose message is too large to be shown is stopped too", async () => {
      const text = `${"word ".repeat(30_000)}${uniqueText("at length")}`;
      const attempt = await hangAbandoned(text);
      expect(await runtime.fence(attempt)).toBe(true);
      expect(rig.provider.count(text)).toMatchObject({ inFlight: 0 });
    }, 60_000);

    test("an attempt that nobody can find is not said to be fenced, nor never to have been begun", async () => {
      const session = { key: crypto.randomUUID().replaceAll("-", ""), name: "long talk" };
      const first = createTestAttempt("hello", { session });
      await watch(runtime, first).outcome;
      await addNotes(first, tooManyNotes);
      const unheard = createTestAttempt("never sent", { session });
      expect(await runtime.fence(unheard)).toBe(false);
    }, 90_000);
  });
});
