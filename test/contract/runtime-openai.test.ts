import { systemClock } from "../../src/platform/clock.ts";
import { createFetch } from "../../src/platform/http-fetch.ts";
import type { RuntimeErrorKind } from "../../src/protocol/failure.ts";
import { Secret } from "../../src/protocol/secret.ts";
import { createOpenaiRuntime, type OpenaiOptions } from "../../src/runtimes/openai/index.ts";
import { type OpenaiServer, type OpenaiServerOptions, startOpenaiServer } from "../support/openai-server.ts";
import { runtimeContract } from "./runtime.ts";
import type { FailingMessage, RuntimeSubject } from "./runtime-subject.ts";

const apiKey = "sk-right-5f2c9d";
const wrongKey = "sk-wrong-77aa01";

function createSubject(
  serverOptions: OpenaiServerOptions,
  runtimeOptions: Partial<OpenaiOptions> = {},
): RuntimeSubject {
  let server: OpenaiServer | null = null;
  const create = (parts: Partial<OpenaiOptions> = {}) =>
    createOpenaiRuntime({
      endpoint: server?.url ?? "not open",
      apiKey: new Secret(apiKey),
      model: null,
      sessions: "auto",
      fetch: createFetch({ env: {} }),
      clock: systemClock,
      ...runtimeOptions,
      ...parts,
    });
  return {
    kind: "openai",
    open: async () => {
      server = await startOpenaiServer({ apiKey, ...serverOptions });
    },
    close: async () => await server?.stop(),
    createRuntime: create,
    createSlowRuntime: create,
    createUnreachableRuntime: () => create({ endpoint: "127.0.0.1:1" }),
    createUnauthorizedRuntime: () => create({ apiKey: new Secret(wrongKey) }),
    plainMessage: (word) => word,
    slowMessage: (word) => `slow: ${word}`,
    streamsSlowly: true,
    // The API has no word for it; OpenClaw's own endpoint is known to stop the run.
    confirmsStop: false,
    recallMessage: "recall",
    tooLongMessage: "long",
    failingMessages,
    loseGateway: async () => await server?.stop(),
    secrets: [apiKey, wrongKey],
  };
}

const runtimeError = (kind: RuntimeErrorKind): FailingMessage["expected"] => ({
  class: "runtime_error",
  kind,
});
const status = (line: string, kind: RuntimeErrorKind): FailingMessage => ({
  when: `the server answers with ${line}`,
  content: `status ${line}: provider says no ${apiKey}`,
  expected: runtimeError(kind),
  errorText: "provider says no",
});

const failingMessages: readonly FailingMessage[] = [
  status("400 invalid_request_error", "bad_request"),
  status("401 invalid_api_key", "auth"),
  status("403 permission_error", "auth"),
  status("404 model_not_found", "bad_request"),
  status("413 too_long", "bad_request"),
  status("422 unprocessable", "bad_request"),
  status("429 insufficient_quota", "quota"),
  status("429 rate_limit_exceeded", "overloaded"),
  status("500 server_error", "internal"),
  status("503 gateway_unavailable", "overloaded"),
  {
    when: "the server answers with a status and a plain text",
    content: "status 502",
    expected: runtimeError("overloaded"),
    errorText: "plain words",
  },
  {
    when: "an error comes inside a stream that began well",
    content: "stream error authentication_error: provider says no",
    expected: runtimeError("auth"),
    errorText: "provider says no",
  },
  {
    when: "an error of an unknown kind comes inside a stream",
    content: `stream error something_new: provider says no ${apiKey}`,
    expected: runtimeError("internal"),
    errorText: "provider says no",
  },
  {
    when: "the answer has no text",
    content: "empty stop",
    expected: runtimeError("internal"),
    errorText: "empty stop",
  },
  {
    when: "the answer was filtered away",
    content: "empty content_filter",
    expected: runtimeError("bad_request"),
    errorText: "content_filter",
  },
  {
    when: "a web page comes instead of an answer",
    content: "page",
    expected: runtimeError("bad_request"),
    errorText: "doctype",
  },
];

runtimeContract("openai, a model server", createSubject({}));
runtimeContract(
  "openai, a server without a list of models",
  createSubject({ hasModelList: false }, { model: "test-model" }),
);
runtimeContract("openai, nanobot 0.3 (protocol server)", createSubject({ keeper: "nanobot" }));
runtimeContract(
  "openai, Hermes Agent 0.19 by /v1/responses (protocol server)",
  createSubject({ keeper: "hermes" }),
);
runtimeContract(
  "openai, a server that keeps sessions by a header (protocol server)",
  createSubject({ keeper: "header" }, { sessions: "header" }),
);
