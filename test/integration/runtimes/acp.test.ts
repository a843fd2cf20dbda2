/** The `acp` runtime with agents that ask for tools, want a login, die, and worse. */
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../src/platform/clock.ts";
import { createLog, silentLog } from "../../../src/platform/log.ts";
import { Secret } from "../../../src/protocol/secret.ts";
import { type AcpOptions, createAcpRuntime } from "../../../src/runtimes/acp/index.ts";
import type { RunOutcome, Runtime, RuntimeAttempt } from "../../../src/runtimes/runtime.ts";
import { createAttempt, observeRun, within } from "../../contract/runtime-subject.ts";
import { isRunning } from "../../support/descendants.ts";
import { until } from "../../support/until.ts";

const program = join(import.meta.dir, "../../support/acp-process.ts");
const providerKey = "sk-acp-51c0ffee77";
const session = (digit: string) => ({ key: digit.repeat(32), name: "lake" });

/** A new one for each test. */
let dataDir: string;
const dataDirs: string[] = [];
const opened: Runtime[] = [];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "claw-mesh-acp-"));
  dataDirs.push(dataDir);
});
afterAll(async () => {
  await Promise.all(opened.map((runtime) => runtime.close()));
  await Promise.all(dataDirs.map((folder) => rm(folder, { recursive: true, force: true })));
});

type Parts = Partial<Omit<AcpOptions, "settings">> & {
  readonly traits?: string;
  readonly settings?: Partial<AcpOptions["settings"]>;
};

function create({ traits = "", settings = {}, ...parts }: Parts = {}): Runtime {
  const runtime = createAcpRuntime({
    settings: {
      kind: "acp",
      command: [process.execPath, program],
      cwd: null,
      env: { PROVIDER_API_KEY: new Secret(providerKey), FAKE_ACP: new Secret(traits) },
      approvals: "deny",
      ...settings,
    },
    clock: systemClock,
    log: silentLog,
    dataDir,
    env: process.env,
    ...parts,
  });
  opened.push(runtime);
  return runtime;
}

const sh = (script: string, parts: Parts = {}) =>
  create({ ...parts, settings: { ...parts.settings, command: ["sh", "-c", script] } });
const say = (runtime: Runtime, content: string, parts: Partial<RuntimeAttempt> = {}) =>
  within(15_000, observeRun(runtime, createAttempt(content, parts)).outcome);
const textOf = (outcome: RunOutcome) =>
  outcome.kind === "succeeded" ? outcome.text : JSON.stringify(outcome);
const reasonOf = async (runtime: Runtime) => (await within(3_500, runtime.probe())).status.reason ?? "none";
const workFile = (name: string) => join(dataDir, "runtimes", "acp", "work", name);
const events = async () => (await readFile(workFile("fake-events.txt"), "utf8").catch(() => "")).split("\n");
const countEvents = async (event: string) => (await events()).filter((line) => line.startsWith(event)).length;

describe("permission", () => {
  const ask = async (approvals: AcpOptions["settings"]["approvals"], content: string, isUntrusted = false) =>
    await say(create({ settings: { approvals } }), content, { isUntrusted });

  test("is denied once, and the agent goes on without", async () => {
    expect(textOf(await ask("deny", "permission"))).toBe("answer: option-reject_once");
  });

  test("is given once where the operator wants that, and never for good", async () => {
    expect(textOf(await ask("allow", "permission"))).toBe("answer: option-allow_once");
    expect(textOf(await ask("allow", "only-always"))).toBe("answer: cancelled");
    expect(textOf(await ask("deny", "only-always"))).toBe("answer: cancelled");
  });

  test("is not given to a text of another owner", async () => {
    expect(textOf(await ask("allow", "permission", true))).toBe("answer: option-reject_once");
  });

  test("that is asked for ends the run with the tool's name where the operator wants that", async () => {
    const outcome = await ask("fail", "permission");
    expect(outcome).toMatchObject({ failure: { class: "runtime_error", kind: "bad_request" } });
    expect(textOf(outcome)).toContain("rm -rf everything");
    expect(await countEvents("cancel")).toBe(1);
  });

  test("that is asked for without end ends the run", async () => {
    const outcome = await ask("deny", "permission-flood");
    expect(outcome).toMatchObject({ failure: { class: "runtime_error", kind: "internal" } });
    expect(textOf(outcome)).toContain("more than 200 times");
  });

  test("to read a file does not exist", async () => {
    expect(textOf(await ask("allow", "file"))).toBe("file: -32601");
  });
});

describe("a conversation", () => {
  test("is one session of the agent; a message on its own has one that is closed", async () => {
    const runtime = create();
    for (const word of ["one", "two"]) await say(runtime, word, { session: session("1") });
    await say(runtime, "alone");
    await until("the session is closed", async () => (await countEvents("close")) === 1);
    expect(await countEvents("new")).toBe(2);
  });

  for (const [traits, event] of [
    ["", "resume"],
    ["no-resume load", "load"],
  ] as const) {
    test(`outlives the node agent where the agent can ${event}, and replays into no answer`, async () => {
      const before = create({ traits });
      await say(before, "kingfisher", { session: session("1") });
      await before.close();
      const after = create({ traits });
      const run = observeRun(after, createAttempt("recall", { session: session("1") }));
      expect(textOf(await run.outcome)).toBe("earlier: kingfisher");
      expect(run.text()).toBe("earlier: kingfisher");
      expect(await countEvents(event)).toBe(1);
    });
  }

  test("begins anew where the agent cannot, or has forgotten it", async () => {
    const before = create();
    await say(before, "kingfisher", { session: session("1") });
    await before.close();
    await rm(workFile("fake-sessions.json"));
    expect(textOf(await say(create(), "recall", { session: session("1") }))).toBe("earlier: ");
    await say(create({ traits: "no-resume" }), "heron", { session: session("2") });
    expect(textOf(await say(create({ traits: "no-resume" }), "recall", { session: session("2") }))).toBe(
      "earlier: ",
    );
  });

  test("is kept in a file for this user alone, and belongs to its agent", async () => {
    const runtime = create();
    await say(runtime, "kingfisher", { session: session("1") });
    const file = join(dataDir, "runtimes", "acp", "sessions.json");
    await until("it is written", async () => (await stat(file).catch(() => null)) !== null);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await runtime.close();
    const other = create({ settings: { command: [process.execPath, program, "--other"] } });
    expect(textOf(await say(other, "recall", { session: session("1") }))).toBe("earlier: ");
  });

  test("begins anew when the file is broken", async () => {
    const runtime = create();
    await say(runtime, "kingfisher", { session: session("1") });
    await runtime.close();
    await writeFile(join(dataDir, "runtimes", "acp", "sessions.json"), '{"version":1,"sess', { mode: 0o600 });
    expect(textOf(await say(create(), "recall", { session: session("1") }))).toBe("earlier: ");
  });

  test("takes one message at a time", async () => {
    const runtime = create();
    const parts = { session: session("1") };
    const [, second] = await Promise.all([say(runtime, "first", parts), say(runtime, "recall", parts)]);
    expect(textOf(second)).toBe("earlier: first");
  });

  test("of the mesh are closed when too many are open, and taken up again", async () => {
    const runtime = create();
    const parts = (at: number) => ({ session: { key: at.toString(16).padStart(32, "0"), name: "many" } });
    await Promise.all(Array.from({ length: 64 }, (_, at) => say(runtime, `word-${at}`, parts(at))));
    for (const at of [64, 65]) await say(runtime, `word-${at}`, parts(at));
    await until("two are closed", async () => (await countEvents("close")) === 2);
    expect(textOf(await say(runtime, "recall", parts(0)))).toBe("earlier: word-0");
    expect(await countEvents("resume")).toBe(1);
  });
});

describe("an agent", () => {
  test("is one process for all messages, and another one when it has died", async () => {
    const runtime = create();
    const pids = [await say(runtime, "pid"), await say(runtime, "pid")].map(textOf);
    expect(pids[0]).toBe(pids[1] ?? "");
    const died = await say(runtime, "die");
    expect(died).toMatchObject({ kind: "lost", started: true, fenced: false });
    expect(JSON.stringify(died)).toContain("ended with code 7: fatal: provider says no ***");
    expect(textOf(await say(runtime, "pid"))).toMatch(/^pid \d+$/);
    expect(await countEvents("start")).toBe(2);
  });

  test("that dies at once is started again less and less often, and says why", async () => {
    const starts = join(dataDir, "starts");
    let aheadMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
    const runtime = sh(`echo x >> '${starts}'; echo "no configuration for ${providerKey}" >&2; exit 3`, {
      clock,
    });
    const countStarts = async () => (await readFile(starts, "utf8")).length / 2;
    expect(await say(runtime, "hello")).toMatchObject({ kind: "failed", failure: { class: "refused" } });
    const reason = await reasonOf(runtime);
    expect(reason).toMatch(/^sh ended with code 3: no configuration for \*\*\*; it is started again/);
    for (let at = 0; at < 20; at++) await reasonOf(runtime);
    const before = await countStarts();
    expect(before).toBeLessThan(4);
    aheadMs = 60_000;
    await reasonOf(runtime);
    expect(await countStarts()).toBe(before + 1);
  });

  test("that takes long to start is starting, and answers when it is there", async () => {
    const runtime = create({ traits: "slow-start" });
    expect(await reasonOf(runtime)).toContain("is starting");
    expect(textOf(await say(runtime, "patience"))).toBe("You said: patience");
    expect((await runtime.probe()).status).toMatchObject({ ready: true, version: "4.5.6" });
  });

  test("that never answers initialize is not ready, and a message to it has done nothing when its time is over", async () => {
    const runtime = sh("echo waiting for a key >&2; sleep 300");
    expect(await reasonOf(runtime)).toBe("sh is starting; it wrote: waiting for a key");
    expect(await say(runtime, "hello", { timeoutMs: 300 })).toMatchObject({ failure: { class: "timeout" } });
    await within(5_000, runtime.close());
  });

  test("that speaks another version is not ready", async () => {
    expect(await reasonOf(create({ traits: "version-2" }))).toContain("speaks version 2 of ACP, and not 1");
  });

  test("that answers initialize with nonsense is not ready", async () => {
    const runtime = sh(`read -r _; echo '{"jsonrpc":"2.0","id":0,"result":null}'; sleep 300`);
    expect(await reasonOf(runtime)).toContain("did not answer initialize as ACP has it");
  });

  test("that is no agent at all is not ready", async () => {
    expect(await reasonOf(sh("yes 'Usage: agent [options]'"))).toContain("does not speak ACP");
    expect(await reasonOf(sh("exec 1>&-; sleep 300"))).toContain("closed its output");
    const missing = create({ settings: { command: ["no-such-agent-anywhere"] } });
    expect(await reasonOf(missing)).toContain("is not there; install it");
  });

  test("that wants a login is not ready until somebody has logged in", async () => {
    let aheadMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
    const runtime = create({ traits: "wants-login", clock });
    expect((await runtime.probe()).status.ready).toBe(true);
    expect(await say(runtime, "hello")).toMatchObject({
      failure: { class: "runtime_error", kind: "auth", nothing_done: true },
    });
    expect(await reasonOf(runtime)).toContain(
      "wants somebody to log in, which it offers by Log in with a browser",
    );
    await writeFile(workFile("logged-in"), "");
    expect(await reasonOf(runtime)).toContain("wants somebody to log in");
    aheadMs = 31_000;
    expect((await runtime.probe()).status.ready).toBe(true);
    expect(await countEvents("start")).toBe(2);
    expect(textOf(await say(runtime, "hello"))).toBe("You said: hello");
  });

  test("may print what it wants between its messages", async () => {
    expect(textOf(await say(create(), "garbage"))).toBe("after the garbage");
  });

  test("that writes a line without an end is ended", async () => {
    const outcome = await say(create(), "huge-line");
    expect(outcome).toMatchObject({ kind: "lost", started: true });
    expect(JSON.stringify(outcome)).toContain("writes a line without an end");
  });

  test("that begins to print something else without end is ended", async () => {
    const hello = `echo '{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":1}}'`;
    const runtime = sh(`read -r _; ${hello}; yes 'Thinking about nothing in particular, at length'`);
    await runtime.probe();
    await until("its end", async () => (await reasonOf(runtime)).includes("does not speak ACP"));
  });

  test("that asks without reading the answers is ended", async () => {
    const ask = `{"jsonrpc":"2.0","id":1,"method":"fs/read_text_file","params":{"path":"/x","sessionId":"s"}}`;
    const runtime = sh(
      `read -r _; echo '{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":1}}'; yes '${ask}'`,
    );
    await runtime.probe();
    await until("its end", async () => (await reasonOf(runtime)).includes("asks faster than it listens"));
  });

  test("that does not stop its turn is ended, and the message is lost", async () => {
    const runtime = create();
    const run = observeRun(runtime, createAttempt("deaf: ears"));
    await within(5_000, run.firstChunk);
    run.stop("cancelled");
    expect(await within(5_000, run.outcome)).toMatchObject({ kind: "lost", started: true, fenced: false });
    expect(textOf(await say(runtime, "again"))).toBe("You said: again");
  });

  test("that does not care about the end of its input nor SIGTERM is ended with what it has started", async () => {
    const pidFile = join(dataDir, "pids");
    const runtime = sh(
      `trap '' TERM; sh -c 'trap "" TERM; echo $$; while :; do sleep 0.2; done' > '${pidFile}' & while :; do sleep 0.2; done`,
    );
    void runtime.probe();
    const pid = Number(await until("its child", () => readFile(pidFile, "utf8").catch(() => null)));
    expect(isRunning(pid)).toBe(true);
    await within(5_000, runtime.close());
    await until("the end of what it has started", async () => !isRunning(pid));
  });

  test("gets the environment of the node agent, but nothing of the mesh's own", async () => {
    const env = { PATH: process.env.PATH, OPENAI_API_KEY: "sk-for-the-agent", CLAW_MESH_TOKEN: "cmt_secret" };
    const names = textOf(await say(create({ env }), "env")).split(" ");
    expect(names).toContain("OPENAI_API_KEY");
    expect(names.filter((name) => name.startsWith("CLAW_MESH"))).toEqual([]);
  });

  test("is told of a text of another owner", async () => {
    await say(create(), "hello", { isUntrusted: true });
    expect(await events()).toContain('meta {"claw-mesh/untrusted":true}');
  });

  test("has what it writes on standard error in the log for debugging, without keys", async () => {
    const lines: string[] = [];
    const log = createLog({ write: (line) => lines.push(line), format: "json", level: "debug" });
    await say(create({ log }), "die");
    expect(lines.join("")).toContain("fatal: provider says no ***");
    expect(lines.join("")).not.toContain(providerKey);
  });
});
