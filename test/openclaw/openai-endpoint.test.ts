import { systemClock } from "../../src/platform/clock.ts";
import { createFetch } from "../../src/platform/http-fetch.ts";
import { Secret, toSecret } from "../../src/protocol/secret.ts";
import { createOpenaiRuntime, type OpenaiOptions } from "../../src/runtimes/openai/index.ts";
import { runtimeContract } from "../contract/runtime.ts";
import { type FakeProvider, startFakeProvider } from "../support/openclaw/fake-provider.ts";
import { type Gateway, startGateway } from "../support/openclaw/gateway.ts";

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
