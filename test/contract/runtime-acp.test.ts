import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/platform/clock.ts";
import { silentLog } from "../../src/platform/log.ts";
import type { RuntimeErrorKind } from "../../src/protocol/failure.ts";
import { Secret } from "../../src/protocol/secret.ts";
import { createAcpRuntime } from "../../src/runtimes/acp/index.ts";
import { descendantsOf } from "../support/descendants.ts";
import { runtimeContract } from "./runtime.ts";
import type { FailingMessage, RuntimeSubject } from "./runtime-subject.ts";

const providerKey = "sk-acp-51c0ffee77";
const program = join(import.meta.dir, "../support/acp-process.ts");

function createSubject(): RuntimeSubject {
  let dataDir = "";
  const create = (command: readonly string[] = [process.execPath, program]) =>
    createAcpRuntime({
      settings: {
        kind: "acp",
        command,
        cwd: null,
        env: { PROVIDER_API_KEY: new Secret(providerKey), FAKE_ACP: new Secret("login") },
        approvals: "deny",
      },
      clock: systemClock,
      log: silentLog,
      dataDir,
      env: process.env,
    });
  return {
    kind: "acp",
    open: async () => {
      dataDir = await mkdtemp(join(tmpdir(), "claw-mesh-acp-"));
    },
    close: () => rm(dataDir, { recursive: true, force: true }),
    createRuntime: () => create(),
    createSlowRuntime: () => create(),
    createUnreachableRuntime: () => create(["/nowhere/to-be-found"]),
    createUnauthorizedRuntime: null,
    plainMessage: (word) => word,
    slowMessage: (word) => `slow: ${word}`,
    streamsSlowly: true,
    recallMessage: "recall",
    tooLongMessage: "long",
    failingMessages,
    loseGateway: async () => {
      for (const pid of descendantsOf(process.pid, "acp-process.ts")) process.kill(pid, "SIGKILL");
    },
    secrets: [providerKey],
  };
}

const fails = (when: string, content: string, kind: RuntimeErrorKind): FailingMessage => ({
  when,
  content,
  expected: { class: "runtime_error", kind },
  errorText: "provider says no",
});

const failingMessages: readonly FailingMessage[] = [
  fails("the agent refuses to go on", "stop refusal", "bad_request"),
  fails("the agent gives up by itself", "stop cancelled", "internal"),
  fails("the agent ends its turn without a word", "stop silent", "internal"),
  fails("the agent ends its turn in an unknown way", "stop from_the_future", "internal"),
  fails("the agent answers with an error of its own", "error -32603", "internal"),
  fails("the agent answers that parameters are wrong", "error -32602", "bad_request"),
  fails("the agent answers that a login is needed", "error -32000", "auth"),
];

runtimeContract("acp", createSubject());
