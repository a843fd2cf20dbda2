import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Runtime } from "../../src/runtimes/runtime.ts";
import { createTestAttempt, uniqueText, watch } from "../support/openclaw/observed-run.ts";
import { openPlainClient } from "../support/openclaw/plain-client.ts";
import {
  isOpenclawWanted,
  type OpenclawRig,
  rigTimeoutMs,
  sharedRig,
} from "../support/openclaw/shared-gateway.ts";
import { createTestRuntime } from "../support/openclaw/subject.ts";

const sessionKey = () => crypto.randomUUID().replaceAll("-", "");

describe.skipIf(!isOpenclawWanted)("another owner's text on the real OpenClaw", () => {
  let rig: OpenclawRig;
  let runtime: Runtime;
  beforeAll(async () => {
    rig = await sharedRig();
    runtime = createTestRuntime(rig.gateway);
  }, rigTimeoutMs);
  afterAll(() => runtime.close());

  test("is run as it is, and kept as data of another session", async () => {
    const text = uniqueText("not mine");
    const session = { key: sessionKey(), name: "guests" };
    const run = watch(runtime, createTestAttempt(text, { session, isUntrusted: true }));
    const outcome = await run.outcome;
    expect(outcome).toEqual({ kind: "succeeded", text: `answer to: ${text}` });

    using client = await openPlainClient(rig.gateway);
    const { payload } = await client.request("chat.history", { sessionKey: `claw-mesh:${session.key}` });
    const [asked] = (payload as { messages: { role: string; provenance?: unknown }[] }).messages;
    expect(asked).toMatchObject({
      role: "user",
      provenance: { kind: "inter_session", sourceChannel: "claw-mesh", sourceTool: "untrusted" },
    });
  }, 30_000);

  test("of the owner reaches the model as it is", async () => {
    const text = uniqueText("mine");
    const outcome = await watch(runtime, createTestAttempt(text)).outcome;
    expect(outcome).toEqual({ kind: "succeeded", text: `answer to: ${text}` });
  }, 30_000);
});
