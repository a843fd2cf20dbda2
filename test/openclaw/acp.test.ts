/**
 * The real `openclaw acp` (2026.9.6) as an agent of the `acp` runtime: the promises of the contract suite, on one bridge. The
 * suite itself starts an adapter for each of its tests, and a bridge takes six seconds to start. Three parts do not hold:
 *
 * - A new adapter is not ready within 3 s: it says that the agent is starting.
 * - The gateway's token is the bridge's affair. One that is refused keeps it from ever answering `initialize`, so that a
 *   message is not refused by it but runs out of time, and nothing was submitted.
 * - An answer of more than 8 MiB comes back shortened by the bridge, so that it is never too long here.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { systemClock } from "../../src/platform/clock.ts";
import { silentLog } from "../../src/platform/log.ts";
import { createAcpRuntime } from "../../src/runtimes/acp/index.ts";
import type { RunOutcome, Runtime, RuntimeAttempt } from "../../src/runtimes/runtime.ts";
import { createAttempt, observeRun, within } from "../contract/runtime-subject.ts";
import { descendantsOf } from "../support/descendants.ts";
import type { Gateway } from "../support/openclaw/gateway.ts";
import { nodeBinDirectory, OPENCLAW_VERSION, openclawEntry } from "../support/openclaw/install.ts";
import { isOpenclawWanted, rigTimeoutMs, sharedRig } from "../support/openclaw/shared-gateway.ts";
import { until } from "../support/until.ts";

const wrongToken = "a-token-that-nobody-gave-out";
const root = join(import.meta.dir, "..", "..");

interface Bridge {
  readonly gateway: Gateway;
  readonly dataDir: string;
}

async function openBridge(): Promise<Bridge> {
  const { gateway } = await sharedRig();
  const dataDir = await mkdtemp(join(tmpdir(), "claw-mesh-openclaw-acp-"));
  await Bun.write(join(dataDir, "gateway.token"), gateway.token);
  await Bun.write(join(dataDir, "wrong.token"), wrongToken);
  return { gateway, dataDir };
}

function createBridgeRuntime({ gateway, dataDir }: Bridge, tokenFile = "gateway.token"): Runtime {
  const bin = nodeBinDirectory(root);
  return createAcpRuntime({
    settings: {
      kind: "acp",
      command: [
        join(bin, "node"),
        openclawEntry(root),
        "acp",
        "--url",
        gateway.url,
        "--token-file",
        join(dataDir, tokenFile),
        "--no-prefix-cwd",
      ],
      cwd: null,
      env: {},
      approvals: "deny",
    },
    clock: systemClock,
    log: silentLog,
    dataDir,
    env: {
      PATH: `${bin}${delimiter}${process.env.PATH ?? ""}`,
      HOME: gateway.directory,
      TMPDIR: gateway.directory,
      OPENCLAW_STATE_DIR: join(gateway.directory, "state"),
      OPENCLAW_CONFIG_PATH: gateway.configPath,
    },
  });
}

/** The bridge takes seconds to start; until then a probe says so. */
async function untilReady(runtime: Runtime): Promise<void> {
  await until("the bridge is ready", async () => (await runtime.probe()).status.ready, 60_000);
}

describe.skipIf(!isOpenclawWanted)("the real openclaw acp", () => {
  let bridge: Bridge;
  let runtime: Runtime;
  beforeAll(async () => {
    bridge = await openBridge();
    runtime = createBridgeRuntime(bridge);
  }, rigTimeoutMs);
  afterAll(async () => {
    await runtime.close();
    await rm(bridge.dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });

  const session = (digit: string) => ({ key: digit.repeat(32), name: "lake" });
  const run = (content: string, parts: Partial<RuntimeAttempt> = {}) =>
    observeRun(runtime, createAttempt(content, parts));
  const say = async (content: string, parts: Partial<RuntimeAttempt> = {}) =>
    await within(20_000, run(content, parts).outcome);
  const bridgePids = () => descendantsOf(process.pid, join(bridge.dataDir, "gateway.token"));

  test("says that it is starting, and then its version", async () => {
    const { status } = await within(3_500, runtime.probe());
    expect(status.ready).toBe(false);
    expect(status.reason).toContain("is starting");
    await untilReady(runtime);
    expect((await runtime.probe()).status).toMatchObject({ ready: true, version: OPENCLAW_VERSION });
  }, 90_000);

  test("answers what was asked, in pieces that amount to the answer", async () => {
    const word = "鹭鸶 🪶 «naïve»";
    expect(await say(word)).toEqual({ kind: "succeeded", text: `answer to: ${word}` });
    const pieces = run("[[chunks 5 100]] pieces");
    expect(await pieces.outcome).toMatchObject({ kind: "succeeded" });
    expect(pieces.chunks.length).toBeGreaterThan(1);
    expect(pieces.text()).toBe("part1 part2 part3 part4 part5 answer to: pieces");
  }, 60_000);

  test("answers several at once, each its own", async () => {
    const words = ["heron", "egret", "bittern", "stork"];
    const outcomes = await Promise.all(words.map((word) => say(word)));
    const texts = outcomes.map((outcome) => (outcome.kind === "succeeded" ? outcome.text : outcome.kind));
    expect(texts).toEqual(words.map((word) => `answer to: ${word}`));
  }, 60_000);

  test("answers with what comes after a tool, and not with the tool", async () => {
    expect(await say("[[tool echo hi]] tooled")).toEqual({ kind: "succeeded", text: "tool said: hi" });
  }, 60_000);

  test("remembers within a session, not across sessions, and over the death of its process", async () => {
    await say("kingfisher-word", { session: session("1") });
    const recalled: RunOutcome = { kind: "succeeded", text: "earlier: kingfisher-word" };
    expect(await say("[[recall]] what", { session: session("1") })).toEqual(recalled);
    expect(await say("[[recall]] what", { session: session("2") })).toMatchObject({ text: "earlier:" });
    for (const pid of bridgePids()) process.kill(pid, "SIGKILL");
    // The system knows of the end before the runtime is told.
    await until("the end of the bridge", async () => !(await runtime.probe()).status.ready);
    await untilReady(runtime);
    const again = await say("[[recall]] what", { session: session("1") });
    expect(again.kind === "succeeded" ? again.text : JSON.stringify(again)).toContain("kingfisher-word");
  }, 120_000);

  test("stops when it is cancelled, and when the time is over", async () => {
    const doomed = run("[[chunks 100 250]] slow");
    await within(20_000, doomed.firstChunk);
    doomed.stop("cancelled");
    expect(await within(5_000, doomed.outcome)).toEqual({ kind: "cancelled" });
    const late = await say("[[chunks 100 250]] late", { timeoutMs: 1_000 });
    expect(late).toMatchObject({ kind: "failed", failure: { class: "timeout" } });
  }, 60_000);

  test("fails, and never answers with the text of the error, when the provider refuses", async () => {
    const outcome = await say("[[status 400]] bad");
    expect(outcome).toMatchObject({ kind: "failed", failure: { class: "runtime_error" } });
    expect(JSON.stringify(outcome)).not.toContain("fake provider status");
  }, 60_000);

  test("is lost, and not answered, when the runtime is closed in the middle; nothing is left of it", async () => {
    const cut = run("[[chunks 100 250]] slow");
    await within(20_000, cut.firstChunk);
    await within(5_000, runtime.close());
    expect(await cut.outcome).toMatchObject({ kind: "lost", started: true });
    expect(bridgePids()).toEqual([]);
  }, 60_000);

  test("is not ready with a token that the gateway refuses", async () => {
    const refused = createBridgeRuntime(bridge, "wrong.token");
    try {
      const outcome = observeRun(refused, createAttempt("hello", { timeoutMs: 8_000 })).outcome;
      const { status } = await within(3_500, refused.probe());
      expect(status.ready).toBe(false);
      expect(["timeout", "refused"]).toContain(await failureClassOf(outcome));
      expect(JSON.stringify((await refused.probe()).status)).not.toContain(wrongToken);
    } finally {
      await refused.close();
    }
  }, 60_000);
});

async function failureClassOf(outcome: Promise<RunOutcome>): Promise<string> {
  const settled = await outcome;
  return settled.kind === "failed" ? settled.failure.class : settled.kind;
}
