import { describe, expect, test } from "bun:test";
import { systemClock } from "../../platform/clock.ts";
import type { AttemptKey } from "../../protocol/ids.ts";
import type { RunChunk, RuntimeAttempt } from "../runtime.ts";
import { createEchoRuntime, echoPrefix } from "./index.ts";

const attempt = (content: string): RuntimeAttempt => ({
  key: "task_0.1" as AttemptKey,
  content,
  source: "test",
  session: null,
  labels: {},
  effects: "unsafe",
  timeoutMs: 10_000,
  isUntrusted: false,
});

async function echo(content: string, delayMs: number, parts: Partial<RuntimeAttempt> = {}) {
  const chunks: RunChunk[] = [];
  const control = {
    onChunk: (chunk: RunChunk) => void chunks.push(chunk),
    onRecovering: () => {},
    signal: new AbortController().signal,
  };
  const told = { ...attempt(content), ...parts };
  const outcome = await createEchoRuntime({ clock: systemClock, delayMs }).run(told, control);
  return { outcome, chunks };
}

describe("the echo", () => {
  test("says that it is one, and repeats the message", async () => {
    expect(echoPrefix).toBe("[echo] No AI runtime here. Your message: ");
    const { outcome } = await echo("build the app", 0);
    expect(outcome).toEqual({ kind: "succeeded", text: `${echoPrefix}build the app` });
  });

  test("says so when the message carries the untrusted label", async () => {
    const { outcome } = await echo("build the app", 0, { isUntrusted: true });
    expect(outcome).toEqual({ kind: "succeeded", text: `${echoPrefix}[untrusted] build the app` });
  });

  test("comes at once, without timers and chunks, unless it is delayed", async () => {
    const noClock = {
      ...systemClock,
      after: () => {
        throw new Error("a timer was set");
      },
    };
    const control = { onChunk: () => {}, onRecovering: () => {}, signal: new AbortController().signal };
    const { kind } = await createEchoRuntime({ clock: noClock }).run(attempt("hello"), control);
    expect(kind).toBe("succeeded");
    expect((await echo("hello", 0)).chunks).toEqual([]);
  });

  test("comes in pieces when it is delayed, none of which cuts a character", async () => {
    const { outcome, chunks } = await echo("🪶🪶🪶🪶🪶🪶🪶🪶🪶🪶🪶🪶🪶🪶🪶🪶🪶", 15);
    expect(chunks.length).toBe(16);
    expect(outcome).toEqual({ kind: "succeeded", text: chunks.map(({ text }) => text).join("") });
    for (const { text } of chunks) expect(text.isWellFormed()).toBe(true);
  });
});
