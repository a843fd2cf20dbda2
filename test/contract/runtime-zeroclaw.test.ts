import type { RuntimeErrorKind } from "../../src/protocol/failure.ts";
import { Secret } from "../../src/protocol/secret.ts";
import {
  type AdapterParts,
  type RigOptions,
  startZeroclawRig,
  type ZeroclawRig,
} from "../support/zeroclaw/rig.ts";
import { runtimeContract } from "./runtime.ts";
import type { FailingMessage, RuntimeSubject } from "./runtime-subject.ts";

const token = "zc_right5f2c9d";
const wrongToken = "zc_wrong77aa01";

interface SubjectParts {
  readonly rig?: RigOptions;
  readonly settings?: AdapterParts;
  readonly subject: Pick<
    RuntimeSubject,
    "streamsSlowly" | "confirmsStop" | "recallMessage" | "failingMessages"
  >;
}

function createSubject({ rig: options = {}, settings = {}, subject }: SubjectParts): RuntimeSubject {
  let rig: ZeroclawRig | null = null;
  const create = (parts: AdapterParts = {}) => {
    if (rig === null) throw new Error("not open");
    return rig.createRuntime({ token: new Secret(token), ...settings, ...parts });
  };
  return {
    kind: "zeroclaw",
    open: async () => {
      rig = await startZeroclawRig({ ...options, gateway: { paired_tokens: [token], ...options.gateway } });
    },
    close: async () => await rig?.[Symbol.asyncDispose](),
    createRuntime: create,
    createSlowRuntime: create,
    createUnreachableRuntime: () => create({ endpoint: "127.0.0.1:1" }),
    createUnauthorizedRuntime: () => create({ token: new Secret(wrongToken) }),
    plainMessage: (word) => word,
    slowMessage: (word) => `slow: ${word}`,
    tooLongMessage: "long",
    loseGateway: async () => await rig?.gateway.stop(),
    secrets: [token, wrongToken],
    ...subject,
  };
}

const status = (line: string, kind: RuntimeErrorKind): FailingMessage => ({
  when: `the model provider answers with ${line}`,
  content: `status ${line}: provider says no ${token}`,
  expected: { class: "runtime_error", kind },
  errorText: "provider says no",
});

/** ZeroClaw tells a refused key from everything else that is wrong with a provider. */
const chatFailures: readonly FailingMessage[] = [
  status("401 invalid_api_key", "auth"),
  status("400 invalid_request_error", "internal"),
  status("429 rate_limit_exceeded", "internal"),
  status("500 server_error", "internal"),
  {
    when: "an error comes inside the provider's stream",
    content: "stream error server_error: provider says no",
    expected: { class: "runtime_error", kind: "internal" },
    errorText: "provider says no",
  },
  {
    when: "the provider answers without any text",
    content: "empty stop",
    expected: { class: "runtime_error", kind: "internal" },
    errorText: "empty stop",
  },
];

runtimeContract(
  "zeroclaw 0.8, the WebSocket chat",
  createSubject({ subject: { streamsSlowly: true, recallMessage: "recall", failingMessages: chatFailures } }),
);

runtimeContract(
  "zeroclaw 0.8, the webhook",
  createSubject({
    settings: { via: "webhook" },
    subject: {
      streamsSlowly: false,
      confirmsStop: false,
      recallMessage: null,
      failingMessages: [status("401 invalid_api_key", "internal"), status("500 server_error", "internal")],
    },
  }),
);

runtimeContract(
  "zeroclaw 0.1, the webhook",
  createSubject({
    rig: { knobs: { profile: "0.1" } },
    subject: {
      streamsSlowly: false,
      confirmsStop: false,
      recallMessage: null,
      failingMessages: [status("500 server_error", "internal")],
    },
  }),
);
