/** The `command` runtime with programs that do what programs do when nobody has thought of it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../src/platform/clock.ts";
import { createLog, silentLog } from "../../../src/platform/log.ts";
import { Secret } from "../../../src/protocol/secret.ts";
import { type CommandOptions, createCommandRuntime } from "../../../src/runtimes/command/index.ts";
import type { RunOutcome, Runtime } from "../../../src/runtimes/runtime.ts";
import { createAttempt, observeRun, within } from "../../contract/runtime-subject.ts";
import { isRunning } from "../../support/descendants.ts";
import { until } from "../../support/until.ts";

let dataDir: string;
const opened: Runtime[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "claw-mesh-command-"));
});
afterAll(async () => {
  await Promise.all(opened.map((runtime) => runtime.close()));
  await rm(dataDir, { recursive: true, force: true });
});

function create(
  command: readonly string[],
  {
    settings = {},
    ...parts
  }: Partial<Omit<CommandOptions, "settings">> & {
    readonly settings?: Partial<CommandOptions["settings"]>;
  } = {},
): Runtime {
  const runtime = createCommandRuntime({
    settings: { kind: "command", command, cwd: null, env: {}, input: "stdin", output: "text", ...settings },
    clock: systemClock,
    log: silentLog,
    dataDir,
    env: process.env,
    ...parts,
  });
  opened.push(runtime);
  return runtime;
}

const sh = (script: string, parts: Parameters<typeof create>[1] = {}) => create(["sh", "-c", script], parts);
const runOnce = (runtime: Runtime, content = "hello", parts: Parameters<typeof createAttempt>[1] = {}) =>
  within(20_000, observeRun(runtime, createAttempt(content, parts)).outcome);
const messageOf = (outcome: RunOutcome) =>
  outcome.kind === "failed" ? outcome.failure.message : `no failure: ${outcome.kind}`;

describe("what a program prints", () => {
  test("is the answer without its last line ends, and with all others", async () => {
    expect(await runOnce(sh(String.raw`printf 'one\r\n\n two \n\n\n'`))).toEqual({
      kind: "succeeded",
      text: "one\r\n\n two ",
    });
  });

  test("may break in the middle of a character, and hold bytes that are none", async () => {
    const script = String.raw`printf 'a\303'; sleep 0.1; printf '\251b\377c'`;
    expect(await runOnce(sh(script))).toEqual({ kind: "succeeded", text: "aéb\ufffdc" });
  });

  test("is stopped when it has no end", async () => {
    const outcome = await runOnce(sh("yes endless"));
    expect(outcome).toMatchObject({ kind: "failed", failure: { class: "too_large" } });
  });

  test("on standard error is no answer, and may be endless", async () => {
    const noisy = "yes noise | head -c 20000000 >&2; echo answer";
    expect(await runOnce(sh(noisy))).toEqual({ kind: "succeeded", text: "answer" });
  });

  test("last on standard error tells why it failed, in one clean line without keys", async () => {
    const key = "sk-a-key-of-the-provider";
    const script = String.raw`echo one >&2; printf 'bad \033[31m%s\007 for %s\n' "$KEY" "$TOKEN_OF_MINE" >&2; exit 9`;
    const outcome = await runOnce(
      sh(script, {
        settings: { env: { KEY: new Secret(key), TOKEN_OF_MINE: new Secret("hunter2-hunter2") } },
      }),
    );
    expect(outcome).toMatchObject({ kind: "failed", failure: { class: "runtime_error", kind: "internal" } });
    expect(messageOf(outcome)).toBe("sh ended with code 9: bad [31m*** for ***");
  });

  test("on standard error is in the log for debugging, without keys", async () => {
    const lines: string[] = [];
    const log = createLog({ write: (line) => lines.push(line), format: "json", level: "debug" });
    const settings = { env: { KEY: new Secret("sk-a-key-of-the-provider") } };
    await runOnce(sh(`echo "using $KEY" >&2; echo done`, { log, settings }));
    expect(lines.join("")).toContain("using ***");
    expect(lines.join("")).not.toContain("sk-a-key");
  });
});

describe("JSON lines", () => {
  const settings = { output: "json-lines" } as const;
  const lines = (...texts: readonly string[]) => sh(`cat <<'END'\n${texts.join("\n")}\nEND`, { settings });

  test("are pieces, and the whole at the end, among lines that are something else", async () => {
    const run = observeRun(
      lines(
        "Welcome to Agent 3000",
        '{"text":"one "}',
        '{"type":"chunk","text":"two "}',
        '{"type":"thinking","text":"hidden"}',
        '{"type":"chunk","text":5}',
        "[1,2]",
        "",
        `${"[".repeat(500)}`,
        '{"type":"result","text":"one two three"}',
      ),
      createAttempt("hello"),
    );
    expect(await run.outcome).toEqual({ kind: "succeeded", text: "one two three" });
    expect(run.text()).toBe("one two three");
  });

  test("start the text again when the whole differs from its pieces", async () => {
    const run = observeRun(
      lines('{"text":"a draft"}', '{"type":"result","result":"the answer"}'),
      createAttempt("hello"),
    );
    expect(await run.outcome).toEqual({ kind: "succeeded", text: "the answer" });
    expect(run.text()).toBe("the answer");
  });

  test("tell of an error with its kind, whatever came before", async () => {
    const quota = lines('{"text":"half"}', '{"type":"error","kind":"quota","message":"no more today"}');
    expect(await runOnce(quota)).toEqual({
      kind: "failed",
      failure: { class: "runtime_error", kind: "quota", message: "sh failed: no more today" },
    });
    const flagged = lines('{"type":"result","is_error":true,"result":"it broke"}');
    expect(await runOnce(flagged)).toMatchObject({ kind: "failed", failure: { kind: "internal" } });
  });

  test("that are none at all are named", async () => {
    const outcome = await runOnce(lines("plain words", "more of them"));
    expect(messageOf(outcome)).toBe("sh printed no answer: 2 lines were no JSON object");
  });

  test("without an end are stopped", async () => {
    const outcome = await runOnce(sh("tr '\\0' x < /dev/zero", { settings }));
    expect(outcome).toMatchObject({ kind: "failed", failure: { class: "too_large" } });
  });

  test("that say nothing are stopped when they do not end", async () => {
    const outcome = await runOnce(sh(`yes '{"type":"ping","pad":"${"x".repeat(10_000)}"}'`, { settings }));
    expect(outcome).toMatchObject({ kind: "failed", failure: { class: "too_large" } });
  });
});

describe("arguments", () => {
  const printed = (...template: readonly string[]) =>
    create(["sh", "-c", 'for part; do printf "<%s>" "$part"; done', "sh", ...template], {
      settings: { input: "argument" },
    });
  const session = { key: "a".repeat(32), name: "the lake" };

  test("are no code, whatever the message says", async () => {
    const hostile = "$(touch owned) `id` ; rm -rf . && {session} {message} \"'\\ \n*";
    expect(await runOnce(printed("-m", "{message}"), hostile)).toEqual({
      kind: "succeeded",
      text: `<-m><${hostile}>`,
    });
  });

  test("leave out what belongs to a session when there is none", async () => {
    const runtime = printed("-s", "{session}", "--name={session_name}", "-v", "--", "{message}");
    expect(await runOnce(runtime, "hi")).toMatchObject({ text: "<-v><--><hi>" });
    expect(await runOnce(runtime, "hi", { session })).toMatchObject({
      text: `<-s><${session.key}><--name=the lake><-v><--><hi>`,
    });
  });

  test("that a message could turn into a flag get a space in front", async () => {
    expect(await runOnce(printed("{message}"), "--help")).toMatchObject({ text: "< --help>" });
    expect(await runOnce(printed("--", "{message}"), "--help")).toMatchObject({ text: "<--><--help>" });
    expect(await runOnce(printed("--say={message}"), "--help")).toMatchObject({ text: "<--say=--help>" });
  });

  test("that are too long or hold a NUL are refused, with the remedy; through standard input they pass", async () => {
    const long = "x".repeat(200_000);
    for (const content of [long, "a\0b"]) {
      const outcome = await runOnce(printed("--", "{message}"), content);
      expect(outcome).toMatchObject({ kind: "failed", failure: { class: "refused" } });
      expect(messageOf(outcome)).toContain("use input stdin");
      expect(await runOnce(create(["cat"]), content)).toEqual({ kind: "succeeded", text: content });
    }
  });

  test("that would be code make the runtime not ready, and start nothing", async () => {
    const owned = join(dataDir, "owned");
    const runtime = create(["sh", "-c", "echo '{message}'"], { settings: { input: "argument" } });
    expect((await runtime.probe()).status.reason).toContain("as code");
    const outcome = await runOnce(runtime, `'; touch ${owned}; '`);
    expect(outcome).toMatchObject({ kind: "failed", failure: { class: "refused" } });
    expect(await Bun.file(owned).exists()).toBe(false);
  });

  test("are no part of how the runtime is shown, as each may be a key", () => {
    const runtime = create(["agent", "--api-key", "hunter2-abcdef"]);
    expect(runtime.location).toBe("agent (2 arguments)");
  });

  test("with the message in the wrong place make the runtime not ready, with the remedy", async () => {
    const forgotten = create(["cat"], { settings: { input: "argument" } });
    expect((await forgotten.probe()).status).toMatchObject({ ready: false });
    expect(messageOf(await runOnce(forgotten))).toContain("add it, or use input stdin");
    const { status } = await create(["echo", "{message}"]).probe();
    expect(status.reason).toContain("use input argument");
  });
});

describe("a program", () => {
  test("gets a small environment, what the settings say, and nothing of the mesh's own", async () => {
    const runtime = sh("env | cut -d= -f1 | sort | tr '\\n' ' '", {
      env: {
        PATH: process.env.PATH,
        HOME: "/home/somebody",
        CLAW_MESH_TOKEN: "cmt_secret",
        OPENAI_API_KEY: "sk-not-for-everybody",
        RANDOM_OTHER: "1",
      },
      settings: { env: { MODEL: new Secret("small") } },
    });
    const outcome = await runOnce(runtime, "hello", { isUntrusted: true });
    const names = outcome.kind === "succeeded" ? outcome.text.trim().split(" ") : [];
    for (const name of ["HOME", "MODEL", "CLAW_MESH_UNTRUSTED"]) expect(names).toContain(name);
    expect(names).not.toContain("CLAW_MESH_TOKEN");
    expect(names).not.toContain("OPENAI_API_KEY");
    expect(names).not.toContain("RANDOM_OTHER");
  });

  test("works in a folder of its own that is closed to others, or where the settings say", async () => {
    expect(await runOnce(sh("pwd; ls -ld . | cut -c1-10"))).toMatchObject({
      text: `${join(dataDir, "runtimes", "command", "work")}\ndrwx------`,
    });
    const missing = sh("pwd", { settings: { cwd: join(dataDir, "missing") } });
    expect((await missing.probe()).status.reason).toContain("ENOENT");
    expect(await runOnce(missing)).toMatchObject({ failure: { class: "refused" } });
  });

  test("that may not be executed, or is a folder, is said to be so", async () => {
    const file = join(dataDir, "program.txt");
    await writeFile(file, "#!/bin/sh\necho hi\n", { mode: 0o600 });
    const folder = join(dataDir, "folder");
    await mkdir(folder);
    // root may execute nothing that has no such bit either.
    expect((await create([file]).probe()).status.reason).toContain("may not be executed");
    expect((await create([folder]).probe()).status.reason).toContain("is not there");
    expect((await create(["no-such-program-anywhere"]).probe()).status.reason).toContain("is not there");
  });

  test("that does not read its message is no failure", async () => {
    const outcome = await runOnce(sh("exec <&-; echo done"), "x".repeat(1_000_000));
    expect(outcome).toEqual({ kind: "succeeded", text: "done" });
  });

  test("that was ended by somebody else is lost, and no answer", async () => {
    expect(await runOnce(sh("echo half; kill -9 $$"))).toEqual({
      kind: "lost",
      started: true,
      fenced: true,
      reason: "sh was ended by SIGKILL",
    });
  });

  test("gets one message of a session at a time", async () => {
    const runtime = sh("date +%s%N; sleep 0.3; date +%s%N");
    const session = { key: "b".repeat(32), name: "one" };
    const outcomes = await Promise.all([1, 2].map(() => runOnce(runtime, "hello", { session })));
    const times = outcomes.map((outcome) =>
      outcome.kind === "succeeded" ? outcome.text.split("\n").map(BigInt) : [],
    );
    const [first = [], second = []] = times.sort((one, two) => ((one[0] ?? 0n) < (two[0] ?? 0n) ? -1 : 1));
    expect((second[0] ?? 0n) >= (first[1] ?? 0n)).toBe(true);
  });
});

describe("stopping a program", () => {
  test("hands on nothing that it says from then on", async () => {
    const script = `trap 'echo too late; exit 0' TERM; echo early; while :; do sleep 0.05; done`;
    const run = observeRun(sh(script), createAttempt("hello"));
    await within(5_000, run.firstChunk);
    run.stop("cancelled");
    expect(await within(5_000, run.outcome)).toEqual({ kind: "cancelled" });
    expect(run.text()).toBe("early");
  });

  test("for a fence is certain when it ran, and not when nobody knows of it", async () => {
    const runtime = sh("echo early; sleep 300");
    const attempt = createAttempt("hello");
    const run = observeRun(runtime, attempt);
    await within(5_000, run.firstChunk);
    expect(await within(5_000, runtime.fence(attempt))).toBe(true);
    expect(await run.outcome).toMatchObject({ kind: "lost", started: true, fenced: true });
    expect(await runtime.fence(attempt)).toBe(false);
  });

  const stopAfterStart = async (script: string) => {
    const pidFile = join(dataDir, `${crypto.randomUUID()}.pid`);
    const run = observeRun(
      sh(script, { settings: { env: { PID_FILE: new Secret(pidFile) } }, limits: { killGraceMs: 200 } }),
      createAttempt("hello"),
    );
    const pid = Number(await until("its process id", () => readFile(pidFile, "utf8").catch(() => null)));
    run.stop("cancelled");
    return { outcome: await within(5_000, run.outcome), pid };
  };

  test("ends one that does not care about SIGTERM", async () => {
    const { outcome, pid } = await stopAfterStart(
      `trap '' TERM; echo $$ > "$PID_FILE.tmp"; mv "$PID_FILE.tmp" "$PID_FILE"; while :; do sleep 0.2; done`,
    );
    expect(outcome).toEqual({ kind: "cancelled" });
    expect(isRunning(pid)).toBe(false);
  });

  test("ends what it has started", async () => {
    const { outcome, pid } = await stopAfterStart(
      `sh -c 'trap "" TERM; echo $$ > "$PID_FILE.tmp"; mv "$PID_FILE.tmp" "$PID_FILE"; while :; do sleep 0.2; done' & wait`,
    );
    expect(outcome).toEqual({ kind: "cancelled" });
    await until("the end of its child", async () => !isRunning(pid));
  });

  test("is not needed for what it leaves behind: that is ended, and does not hold the answer up", async () => {
    const pidFile = join(dataDir, "left.pid");
    const startedAtMs = performance.now();
    const outcome = await runOnce(
      sh(`sleep 300 & echo $! > '${pidFile}'; echo answer`, { limits: { outputGraceMs: 200 } }),
    );
    expect(outcome).toEqual({ kind: "succeeded", text: "answer" });
    expect(performance.now() - startedAtMs).toBeLessThan(5_000);
    const pid = Number(await readFile(pidFile, "utf8"));
    await until("the end of what it left", async () => !isRunning(pid));
  });

  test("does not wait for what has gone into a group of its own", async () => {
    const pidFile = join(dataDir, "escaped.pid");
    const outcome = await runOnce(
      sh(`setsid sh -c 'echo $$ > "${pidFile}"; exec sleep 300' & sleep 0.3; echo answer`, {
        limits: { outputGraceMs: 200 },
      }),
    );
    expect(outcome).toEqual({ kind: "succeeded", text: "answer" });
    process.kill(Number(await readFile(pidFile, "utf8")), "SIGKILL");
  });
});
