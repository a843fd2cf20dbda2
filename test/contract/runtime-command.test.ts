import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/platform/clock.ts";
import { silentLog } from "../../src/platform/log.ts";
import { Secret } from "../../src/protocol/secret.ts";
import { type CommandOptions, createCommandRuntime } from "../../src/runtimes/command/index.ts";
import { descendantsOf } from "../support/descendants.ts";
import { runtimeContract } from "./runtime.ts";
import type { FailingMessage, RuntimeSubject } from "./runtime-subject.ts";

const providerKey = "sk-command-9d2e41f0";
const program = join(import.meta.dir, "../support/command-process.ts");

type Settings = CommandOptions["settings"];

function createSubject(
  input: Settings["input"],
  output: Settings["output"],
  failingMessages: readonly FailingMessage[],
): RuntimeSubject {
  let dataDir = "";
  const flags = ["--session={session}", ...(output === "json-lines" ? ["--json"] : [])];
  const message = input === "argument" ? ["--", "{message}"] : [];
  const create = (command: readonly string[] = [process.execPath, program, ...flags, ...message]) =>
    createCommandRuntime({
      settings: {
        kind: "command",
        command,
        cwd: null,
        env: { PROVIDER_API_KEY: new Secret(providerKey) },
        input,
        output,
      },
      clock: systemClock,
      log: silentLog,
      dataDir,
      env: process.env,
    });
  return {
    kind: "command",
    open: async () => {
      dataDir = await mkdtemp(join(tmpdir(), "claw-mesh-command-"));
    },
    close: () => rm(dataDir, { recursive: true, force: true }),
    createRuntime: () => create(),
    createSlowRuntime: () => create(),
    createUnreachableRuntime: () => create(["/nowhere/to-be-found", ...message]),
    createUnauthorizedRuntime: null,
    plainMessage: (word) => word,
    slowMessage: (word) => `slow: ${word}`,
    streamsSlowly: true,
    recallMessage: "recall",
    tooLongMessage: "long",
    failingMessages,
    loseGateway: async () => {
      for (const pid of descendantsOf(process.pid, "command-process.ts")) process.kill(pid, "SIGKILL");
    },
    secrets: [providerKey],
  };
}

const exits: FailingMessage = {
  when: "the program ends with another code than 0",
  content: "exit 3",
  expected: { class: "runtime_error", kind: "internal" },
  errorText: "provider says no",
};
const silent: FailingMessage = {
  when: "the program prints nothing",
  content: "silent",
  expected: { class: "runtime_error", kind: "internal" },
  errorText: "silent",
};
const says = (kind: "auth" | "quota"): FailingMessage => ({
  when: `the program says that it failed (${kind})`,
  content: `error ${kind}`,
  expected: { class: "runtime_error", kind },
  errorText: "provider says no",
});

runtimeContract("command, standard input to text", createSubject("stdin", "text", [exits, silent]));
runtimeContract(
  "command, argument to JSON lines",
  createSubject("argument", "json-lines", [exits, silent, says("auth"), says("quota")]),
);
