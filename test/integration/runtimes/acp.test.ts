/** The `acp` runtime with agents that ask for tools, want a login, die, and worse. */
import { describe, expect, spyOn, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../../src/platform/clock.ts";
import { createLog } from "../../../src/platform/log.ts";
import type { AcpOptions } from "../../../src/runtimes/acp/index.ts";
import { createAttempt, observeRun, within } from "../../contract/runtime-subject.ts";
import { acpKey, createAcpRig } from "../../support/acp-rig.ts";
import { isRunning } from "../../support/descendants.ts";
import { until } from "../../support/until.ts";

const rig = createAcpRig();
const { create, sh, say, textOf, reasonOf, workFile, events, countEvents } = rig;

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
    const starts = join(rig.dataDir(), "starts");
    let aheadMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
    const runtime = sh(`echo x >> '${starts}'; echo "no configuration for ${acpKey}" >&2; exit 3`, {
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
    const runtime = create({ traits: "slow-start", limits: { probeMs: 200 } });
    expect(await reasonOf(runtime)).toContain("is starting");
    const answer = say(runtime, "patience");
    await writeFile(workFile("go-on"), "");
    expect(textOf(await answer)).toBe("You said: patience");
    expect((await runtime.probe()).status).toMatchObject({ ready: true, version: "4.5.6" });
  });

  test("that never answers initialize is not ready, and a message to it has done nothing when its time is over", async () => {
    const runtime = sh("echo waiting for a key >&2; sleep 300", { limits: { probeMs: 200 } });
    expect(await reasonOf(runtime)).toBe("sh is starting; it wrote: waiting for a key");
    expect(await say(runtime, "hello", { timeoutMs: 300 })).toMatchObject({ failure: { class: "timeout" } });
    await within(5_000, runtime.close());
  });

  test("that does not answer initialize in time is ended", async () => {
    const runtime = sh("sleep 300", { limits: { probeMs: 100, initializeMs: 300 } });
    await reasonOf(runtime);
    await until("its end", async () =>
      (await reasonOf(runtime)).includes("did not answer initialize within 0.3 s"),
    );
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

  test("that wants a login is not started again while it works on messages", async () => {
    let aheadMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
    const runtime = create({ traits: "login", clock });
    const working = observeRun(runtime, createAttempt("wait: heron"));
    await until("it is at work", async () => (await countEvents("new")) === 1);
    expect(await say(runtime, "error -32000")).toMatchObject({ failure: { kind: "auth" } });
    aheadMs = 31_000;
    expect(await reasonOf(runtime)).toContain("wants somebody to log in");
    await writeFile(workFile("go-on"), "");
    expect(textOf(await within(5_000, working.outcome))).toBe("wait: heron");
    expect(await countEvents("start")).toBe(1);
  });

  test("that offers no login wants none, whatever it answers to a message", async () => {
    const runtime = create();
    expect(await say(runtime, "error -32000")).toMatchObject({ failure: { kind: "internal" } });
    expect((await runtime.probe()).status.ready).toBe(true);
  });

  test("may print what it wants between its messages, and nobody tells of it", async () => {
    const told = spyOn(console, "error").mockImplementation(() => {});
    try {
      expect(textOf(await say(create(), "garbage"))).toBe("after the garbage");
      expect(told.mock.calls).toEqual([]);
    } finally {
      told.mockRestore();
    }
  });

  test("whose answer was cut off by a limit has answered", async () => {
    const runtime = create();
    for (const reason of ["max_tokens", "max_turn_requests"]) {
      expect(await say(runtime, `stop ${reason}`)).toEqual({ kind: "succeeded", text: "so far " });
    }
  });

  test("may still say something when it was asked to stop, which counts no more", async () => {
    const run = observeRun(create(), createAttempt("slow: heron"));
    await within(5_000, run.firstChunk);
    run.stop("cancelled");
    const before = run.text();
    expect(await within(5_000, run.outcome)).toEqual({ kind: "cancelled" });
    expect(run.text()).toBe(before);
  });

  test("that is to fence a message says whether it has stopped", async () => {
    const runtime = create({ limits: { cancelMs: 200 } });
    for (const [content, isFenced] of [
      ["slow: heron", true],
      ["deaf: heron", false],
    ] as const) {
      const attempt = createAttempt(content);
      const run = observeRun(runtime, attempt);
      await within(5_000, run.firstChunk);
      expect(await within(5_000, runtime.fence(attempt))).toBe(isFenced);
      expect(await run.outcome).toMatchObject({ kind: "lost", started: true, fenced: isFenced });
    }
    expect(await runtime.fence(createAttempt("never handed over"))).toBe(false);
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
    const runtime = create({ limits: { cancelMs: 200 } });
    const run = observeRun(runtime, createAttempt("deaf: ears"));
    await within(5_000, run.firstChunk);
    run.stop("cancelled");
    expect(await within(5_000, run.outcome)).toMatchObject({ kind: "lost", started: true, fenced: false });
    expect(textOf(await say(runtime, "again"))).toBe("You said: again");
  });

  test("that does not care about the end of its input nor SIGTERM is ended with what it has started", async () => {
    const pidFile = join(rig.dataDir(), "pids");
    const runtime = sh(
      `trap '' TERM; sh -c 'trap "" TERM; echo $$; while :; do sleep 0.2; done' > '${pidFile}' & while :; do sleep 0.2; done`,
      { limits: { inputGraceMs: 100, killGraceMs: 100 } },
    );
    void runtime.probe();
    const pid = Number(await until("its child", () => readFile(pidFile, "utf8").catch(() => null)));
    expect(isRunning(pid)).toBe(true);
    await within(5_000, runtime.close());
    await until("the end of what it has started", async () => !isRunning(pid));
  });

  test("gets the end of its input, and the time to end by itself", async () => {
    const file = join(rig.dataDir(), "goodbye");
    const runtime = sh(`trap '' TERM; read -r _; cat > /dev/null; sleep 0.1; echo goodbye > '${file}'`);
    void runtime.probe();
    await Bun.sleep(50);
    await within(5_000, runtime.close());
    expect(await readFile(file, "utf8")).toBe("goodbye\n");
  });

  test("that ends by itself leaves nothing behind", async () => {
    const pidFile = join(rig.dataDir(), "pids");
    const runtime = sh(`sleep 300 > /dev/null 2>&1 & echo $! > '${pidFile}'; exit 3`);
    expect(await reasonOf(runtime)).toContain("sh ended with code 3");
    const pid = Number(await readFile(pidFile, "utf8"));
    await until("the end of what it has left", async () => !isRunning(pid), 2_000);
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
    expect(lines.join("")).not.toContain(acpKey);
  });
});
