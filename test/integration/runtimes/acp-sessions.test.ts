/** Conversations of the mesh as sessions of an agent of the `acp` runtime. */
import { describe, expect, test } from "bun:test";
import { copyFile, mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createAttempt, observeRun, within } from "../../contract/runtime-subject.ts";
import { acpProgram, createAcpRig } from "../../support/acp-rig.ts";
import { until } from "../../support/until.ts";

const rig = createAcpRig();
const { create, say, textOf, workFile, countEvents } = rig;
const session = (digit: string) => ({ key: digit.repeat(32), name: "lake" });
const goOn = () => writeFile(workFile("go-on"), "");

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
    const file = join(rig.dataDir(), "runtimes", "acp", "sessions.json");
    await until("it is written", async () => (await stat(file).catch(() => null)) !== null);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await runtime.close();
    const other = create({ settings: { command: [process.execPath, acpProgram, "--other"] } });
    expect(textOf(await say(other, "recall", { session: session("1") }))).toBe("earlier: ");
  });

  test("begins anew when the file is broken", async () => {
    const runtime = create();
    await say(runtime, "kingfisher", { session: session("1") });
    await runtime.close();
    await writeFile(join(rig.dataDir(), "runtimes", "acp", "sessions.json"), '{"version":1,"sess', {
      mode: 0o600,
    });
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
    await say(runtime, "word-0", parts(0));
    await Promise.all(Array.from({ length: 63 }, (_, at) => say(runtime, `word-${at + 1}`, parts(at + 1))));
    for (const at of [64, 65]) await say(runtime, `word-${at}`, parts(at));
    await until("two are closed", async () => (await countEvents("close")) === 2);
    expect(textOf(await say(runtime, "recall", parts(0)))).toBe("earlier: word-0");
    expect(await countEvents("resume")).toBe(1);
  });

  test("is not taken up in another folder, although the agent knows its id there", async () => {
    const before = create();
    await say(before, "kingfisher", { session: session("1") });
    await before.close();
    const cwd = join(rig.dataDir(), "elsewhere");
    await mkdir(cwd);
    await copyFile(workFile("fake-sessions.json"), join(cwd, "fake-sessions.json"));
    expect(textOf(await say(create({ settings: { cwd } }), "recall", { session: session("1") }))).toBe(
      "earlier: ",
    );
  });

  for (const traits of ["", "unknown-32000", "no-resume", "no-resume unknown-32000"]) {
    test(`that the running agent has forgotten begins anew after an error or two (${traits})`, async () => {
      const runtime = create({ traits });
      const parts = { session: session("1") };
      await say(runtime, "forget all", parts);
      expect(await say(runtime, "first", parts)).toMatchObject({
        failure: { class: "runtime_error", kind: "internal" },
      });
      expect((await runtime.probe()).status.ready).toBe(true);
      if (traits.includes("no-resume")) await say(runtime, "second", parts);
      expect(textOf(await say(runtime, "recall", parts))).toBe("earlier: ");
    });
  }

  test("is kept when an error passes, also where the agent cannot take it up again", async () => {
    for (const traits of ["", "no-resume"]) {
      const runtime = create({ traits });
      await say(runtime, "kingfisher", { session: session("1") });
      await say(runtime, "error -32603", { session: session("1") });
      expect(textOf(await say(runtime, "recall", { session: session("1") }))).toContain("kingfisher");
      await runtime.close();
      await rm(join(rig.dataDir(), "runtimes"), { recursive: true });
    }
  });

  test("that a new process does not know is no login that is wanted", async () => {
    const before = create({ traits: "unknown-32000" });
    await say(before, "kingfisher", { session: session("1") });
    await before.close();
    await rm(workFile("fake-sessions.json"));
    const after = create({ traits: "unknown-32000" });
    expect(textOf(await say(after, "recall", { session: session("1") }))).toBe("earlier: ");
    expect((await after.probe()).status.ready).toBe(true);
  });

  test("is closed for another one when the agent opens no more, and taken up again", async () => {
    const runtime = create({ traits: "three-sessions" });
    for (const digit of ["1", "2", "3", "4"]) {
      expect(textOf(await say(runtime, `word-${digit}`, { session: session(digit) }))).toContain("You said");
    }
    expect(textOf(await say(runtime, "alone"))).toBe("You said: alone");
    for (const digit of ["1", "2", "3", "4"]) {
      expect(textOf(await say(runtime, "recall", { session: session(digit) }))).toStartWith(
        `earlier: word-${digit}`,
      );
    }
  });

  test("is not mixed with another one whose session has the same id", async () => {
    const runtime = create({ traits: "same-id" });
    const first = observeRun(runtime, createAttempt("wait: alice", { session: session("1") }));
    await until("it is at work", async () => (await countEvents("new")) === 1);
    for (const parts of [{ session: session("2") }, {}]) {
      const refused = await say(runtime, "bob", parts);
      expect(refused).toMatchObject({ kind: "failed", failure: { class: "refused" } });
      expect(textOf(refused)).toContain("gave a new session the id of another one");
    }
    await goOn();
    expect(textOf(await within(5_000, first.outcome))).toBe("wait: alice");
  });

  test("of a single message is not mixed with that of another one", async () => {
    const runtime = create({ traits: "same-id" });
    const first = observeRun(runtime, createAttempt("wait: alice"));
    await until("it is at work", async () => (await countEvents("new")) === 1);
    expect(await say(runtime, "bob")).toMatchObject({ failure: { class: "refused" } });
    await goOn();
    expect(textOf(await within(5_000, first.outcome))).toBe("wait: alice");
    expect(textOf(await say(runtime, "carol"))).toBe("You said: carol");
  });

  test("whose opening was cancelled belongs to the next message, and no later one replaces it", async () => {
    const runtime = create({ traits: "slow-new" });
    const parts = { session: session("1") };
    await runtime.probe();
    const first = observeRun(runtime, createAttempt("first", parts));
    await until("its session is asked for", async () => (await countEvents("asked for new")) === 1);
    first.stop("cancelled");
    expect(await within(2_000, first.outcome)).toEqual({ kind: "cancelled" });
    const second = say(runtime, "kingfisher", parts);
    await Bun.sleep(50);
    await goOn();
    expect(textOf(await second)).toBe("You said: kingfisher");
    expect(textOf(await say(runtime, "recall", parts))).toBe("earlier: kingfisher");
    expect(await countEvents("asked for new")).toBe(1);
  });
});

describe("a message that waits for its session", () => {
  const waiting = async () => {
    const runtime = create({ traits: "slow-new" });
    await runtime.probe();
    const attempt = createAttempt("never sent");
    const run = observeRun(runtime, attempt);
    await until("its session is asked for", async () => (await countEvents("asked for new")) === 1);
    return { runtime, attempt, run };
  };

  test("is not sent when it is cancelled, and its session is closed when it comes", async () => {
    const { run } = await waiting();
    run.stop("cancelled");
    expect(await within(2_000, run.outcome)).toEqual({ kind: "cancelled" });
    await goOn();
    await until("it is closed", async () => (await countEvents("close")) === 1);
    expect(run.chunks).toEqual([]);
  });

  test("has not begun when it is fenced, and that is certain", async () => {
    const { runtime, attempt, run } = await waiting();
    expect(await within(2_000, runtime.fence(attempt))).toBe(true);
    expect(await run.outcome).toMatchObject({ kind: "lost", started: false, fenced: true });
  });

  test("has not begun when the runtime is closed", async () => {
    const { runtime, run } = await waiting();
    await within(5_000, runtime.close());
    expect(await run.outcome).toMatchObject({ kind: "lost", started: false, fenced: true });
  });

  test("is refused when none comes, and the agent is ended, cancelled messages or not", async () => {
    const runtime = create({ traits: "mute-new", limits: { openMs: 400 } });
    await runtime.probe();
    const outcome = await say(runtime, "hello");
    expect(outcome).toMatchObject({ kind: "failed", failure: { class: "refused" } });
    expect(textOf(outcome)).toContain("did not open a session within 0.4 s");
    expect((await runtime.probe()).status.ready).toBe(true);
    const cancelled = observeRun(runtime, createAttempt("hello"));
    await until("its session is asked for", async () => (await countEvents("asked for new")) === 2);
    cancelled.stop("cancelled");
    expect(await within(2_000, cancelled.outcome)).toEqual({ kind: "cancelled" });
    await until("the second one is ended, too", async () =>
      ((await runtime.probe()).status.reason ?? "").includes("did not open a session"),
    );
    expect(await countEvents("start")).toBe(2);
  });

  test("costs no other message its agent", async () => {
    const runtime = create({ traits: "slow-new", limits: { openMs: 300 } });
    await runtime.probe();
    const late = observeRun(runtime, createAttempt("late"));
    await until("its session is asked for", async () => (await countEvents("asked for new")) === 1);
    const working = observeRun(runtime, createAttempt("wait: heron"));
    expect(await within(5_000, late.outcome)).toMatchObject({ failure: { class: "refused" } });
    await goOn();
    expect(textOf(await within(5_000, working.outcome))).toBe("wait: heron");
  });
});
