import { beforeAll, describe, expect, test } from "bun:test";
import { systemClock } from "../../src/platform/clock.ts";
import { createFetch } from "../../src/platform/http-fetch.ts";
import { Secret, toSecret } from "../../src/protocol/secret.ts";
import { createOpenaiRuntime, type OpenaiOptions } from "../../src/runtimes/openai/index.ts";
import { runtimeContract } from "../contract/runtime.ts";
import { createAttempt, observeRun } from "../contract/runtime-subject.ts";
import { type FakeProvider, startFakeProvider } from "../support/openclaw/fake-provider.ts";
import { type Gateway, startGateway } from "../support/openclaw/gateway.ts";
import {
  isOpenclawWanted,
  type OpenclawRig,
  rigTimeoutMs,
  sharedRig,
} from "../support/openclaw/shared-gateway.ts";

let provider: FakeProvider | null = null;
let gateway: Gateway | null = null;
const wrongToken = "wrong-token-5d1f";
const secrets = [wrongToken];

const create = (parts: Partial<OpenaiOptions> = {}) =>
  createOpenaiRuntime({
    endpoint: gateway?.url ?? "",
    apiKey: toSecret(gateway?.token ?? null),
    model: null,
    sessions: "auto",
    fetch: createFetch({ env: {} }),
    clock: systemClock,
    ...parts,
  });

runtimeContract("openai, the real OpenClaw's own endpoint", {
  kind: "openai",
  open: async () => {
    provider = startFakeProvider();
    gateway = await startGateway({ provider });
    secrets.push(gateway.token);
  },
  close: async () => {
    await gateway?.[Symbol.asyncDispose]();
    await provider?.[Symbol.asyncDispose]();
  },
  createRuntime: create,
  createSlowRuntime: create,
  createUnreachableRuntime: () => create({ endpoint: "127.0.0.1:1" }),
  createUnauthorizedRuntime: () => create({ apiKey: new Secret(wrongToken) }),
  plainMessage: (word) => word,
  slowMessage: (word) => `${word} [[chunks 100 400]]`,
  streamsSlowly: true,
  recallMessage: "[[recall]]",
  tooLongMessage: null,
  failingMessages: [
    {
      when: "the provider answers with 500 for as long as the message may take",
      content: "[[status 500]] broken",
      expected: { class: "timeout" },
      errorText: "error",
      timeoutMs: 4_000,
    },
  ],
  loseGateway: async () => await gateway?.kill("SIGKILL"),
  secrets,
  // The first turn of a gateway takes up to 13 s.
  patienceMs: 20_000,
});

describe.skipIf(!isOpenclawWanted)("the real OpenClaw's own /v1/responses", () => {
  let rig: OpenclawRig;
  beforeAll(async () => {
    rig = await sharedRig();
  }, rigTimeoutMs);
  const responses = () =>
    createOpenaiRuntime({
      endpoint: rig.gateway.url,
      apiKey: new Secret(rig.gateway.token),
      model: null,
      sessions: "responses",
      fetch: createFetch({ env: {} }),
      clock: systemClock,
    });
  const session = { key: crypto.randomUUID().replaceAll("-", ""), name: "lake" };
  const patience = { timeoutMs: 60_000 };

  test("streams an answer and keeps a session", async () => {
    const runtime = responses();
    const word = `heron-${session.key.slice(0, 6)}`;
    const first = observeRun(runtime, createAttempt(word, { session, ...patience }));
    expect(await first.outcome).toMatchObject({ kind: "succeeded", text: expect.stringContaining(word) });
    expect(first.text()).toContain(word);
    const second = observeRun(runtime, createAttempt("[[recall]]", { session, ...patience }));
    expect(await second.outcome).toMatchObject({ kind: "succeeded", text: expect.stringContaining(word) });
    const other = observeRun(runtime, createAttempt("[[recall]]", patience));
    expect(await other.outcome).toMatchObject({ kind: "succeeded", text: expect.not.stringContaining(word) });
  }, 90_000);

  test("stops a run whose request is closed", async () => {
    const text = `crane-${session.key}`;
    const run = observeRun(responses(), createAttempt(`${text} [[chunks 100 400]]`, patience));
    await run.firstChunk;
    run.stop("cancelled");
    expect(await run.outcome).toEqual({ kind: "cancelled" });
    await rig.provider.until(text, ({ aborted }) => aborted === 1);
  }, 60_000);
});
