import { describe, expect, test } from "bun:test";
import { nothingObserved } from "./failure-map.ts";
import { matchFinalAnswer, matchWaitFailure } from "./final-answer.ts";

describe("matchFinalAnswer", () => {
  test("success is the texts of the payloads", () => {
    const payloads = [{ text: "part0 part1", mediaUrl: null }, { text: "and more" }];
    const answer = { status: "ok", summary: "completed", result: { payloads } };
    expect(matchFinalAnswer(true, answer, nothingObserved)).toEqual({
      kind: "succeeded",
      text: "part0 part1\n\nand more",
    });
  });

  test("an agent that ends without a word has succeeded", () => {
    const answer = { status: "ok", result: { payloads: [] } };
    expect(matchFinalAnswer(true, answer, nothingObserved)).toEqual({ kind: "succeeded", text: "" });
  });

  test("OpenClaw's own time limit is a timeout, and its advice no answer", () => {
    const payloads = [{ text: "Request timed out before a response was generated.", isError: true }];
    const answer = { status: "timeout", summary: "aborted", timeoutPhase: "provider", result: { payloads } };
    expect(matchFinalAnswer(true, answer, nothingObserved)).toMatchObject({
      kind: "failed",
      failure: { class: "timeout" },
    });
  });

  test("an abort by request is a cancellation, though its status says timeout", () => {
    const answer = { status: "timeout", summary: "aborted", stopReason: "rpc" };
    expect(matchFinalAnswer(true, answer, nothingObserved)).toEqual({ kind: "cancelled" });
  });

  test("a run that was broken off for a restart has not ended for good", () => {
    const answer = { status: "timeout", stopReason: "restart", timeoutPhase: "gateway_draining" };
    expect(matchFinalAnswer(true, answer, nothingObserved)).toBe("interrupted");
  });

  test("a failed run is a failure with the observed reason", () => {
    const answer = { status: "error", summary: "LLM request failed." };
    const observed = { failoverReason: "format", hadNoEffect: true };
    expect(matchFinalAnswer(false, answer, observed)).toEqual({
      kind: "failed",
      failure: {
        class: "runtime_error",
        kind: "bad_request",
        message: "LLM request failed.",
        nothing_done: true,
      },
    });
  });

  test.each([
    [
      "with ok: true",
      { status: "error", summary: "failed", result: { payloads: [{ text: "boom", isError: true }] } },
    ],
    ["with status ok", { status: "ok", result: { payloads: [{ text: "boom", isError: true }] } }],
  ])("an error reply %s is a failure and never an answer", (_, answer) => {
    expect(matchFinalAnswer(true, answer, nothingObserved)).toMatchObject({
      kind: "failed",
      failure: { class: "runtime_error", kind: "internal", message: "boom" },
    });
  });

  test("a run that somebody else waits for has no final answer yet", () => {
    expect(matchFinalAnswer(true, { status: "in_flight" }, nothingObserved)).toBe("in_flight");
  });

  test("a status that we do not know is a failure", () => {
    expect(matchFinalAnswer(true, { status: "paused" }, nothingObserved)).toMatchObject({ kind: "failed" });
  });
});

describe("matchWaitFailure", () => {
  test.each([
    [{ status: "ok", endedAt: 1 }, null],
    [{ status: "error", endedAt: 1, stopReason: "rpc" }, { kind: "cancelled" }],
    [{ status: "error", endedAt: 1, stopReason: "stop" }, { kind: "cancelled" }],
    [
      { status: "error", endedAt: 1, stopReason: "stop", error: "boom" },
      { kind: "failed", failure: { message: "boom" } },
    ],
    [
      { status: "timeout", endedAt: 1, timeoutPhase: "provider" },
      { kind: "failed", failure: { class: "timeout" } },
    ],
    [
      { status: "error", endedAt: 1, error: "boom" },
      { kind: "failed", failure: { message: "boom" } },
    ],
  ])("%j", (answer, outcome) => {
    const result = matchWaitFailure(answer, nothingObserved);
    if (outcome === null) expect(result).toBeNull();
    else expect(result).toMatchObject(outcome);
  });

  test("a run that was broken off for a restart has not ended for good", () => {
    const answer = { status: "error", endedAt: 1, error: "aborted for restart", stopReason: "restart" };
    expect(matchWaitFailure(answer, nothingObserved)).toBe("interrupted");
  });
});
