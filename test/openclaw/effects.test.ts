import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Runtime } from "../../src/runtimes/runtime.ts";
import { createTestAttempt, uniqueText, watch } from "../support/openclaw/observed-run.ts";
import {
  isOpenclawWanted,
  type OpenclawRig,
  rigTimeoutMs,
  sharedRig,
} from "../support/openclaw/shared-gateway.ts";
import { createTestRuntime } from "../support/openclaw/subject.ts";

describe.skipIf(!isOpenclawWanted)("what a failed run on the real OpenClaw has done", () => {
  let rig: OpenclawRig;
  let runtime: Runtime;
  beforeAll(async () => {
    rig = await sharedRig();
    runtime = createTestRuntime(rig.gateway);
  }, rigTimeoutMs);
  afterAll(() => runtime.close());

  test("is nothing when the provider refused before any tool", async () => {
    const outcome = await watch(runtime, createTestAttempt(`[[status 400]] ${uniqueText("refused")}`))
      .outcome;
    expect(outcome).toMatchObject({ kind: "failed", failure: { kind: "bad_request", nothing_done: true } });
  }, 30_000);

  test("is not known to be nothing when a tool ran before the provider refused", async () => {
    const text = uniqueText("refused after a tool");
    const run = watch(runtime, createTestAttempt(`[[tool echo feather]][[then 400]] ${text}`));
    const outcome = await run.outcome;
    expect(outcome).toMatchObject({ kind: "failed", failure: { kind: "bad_request" } });
    expect(outcome).not.toHaveProperty("failure.nothing_done");
    expect(rig.provider.count(text).calls).toBe(2);
  }, 30_000);

  test("is not known to be nothing when a tool ran before the provider broke down", async () => {
    const text = uniqueText("broken after a tool");
    const attempt = createTestAttempt(`[[tool echo feather]][[then 500]] ${text}`, { timeoutMs: 4_000 });
    const outcome = await watch(runtime, attempt).outcome;
    expect(outcome).toMatchObject({ kind: "failed", failure: { class: "timeout" } });
    expect(outcome).not.toHaveProperty("failure.nothing_done");
    expect(rig.provider.count(text).calls).toBeGreaterThanOrEqual(3);
  }, 30_000);
});
