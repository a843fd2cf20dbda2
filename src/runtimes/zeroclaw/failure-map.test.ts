import { describe, expect, test } from "bun:test";
import { endsTurn, matchChatFailure, matchWebhookFailure } from "./failure-map.ts";

const nothingSeen = { hadTool: false, showsTools: true };

describe("an error of the chat", () => {
  test.each([
    ["NEEDS_ONBOARDING", { class: "refused" }],
    ["SESSION_QUEUE_FULL", { class: "refused" }],
    ["SESSION_QUEUE_TIMEOUT", { class: "refused" }],
    ["INVALID_CWD", { class: "runtime_error", kind: "bad_request", nothing_done: true }],
    ["EMPTY_CONTENT", { class: "runtime_error", kind: "bad_request", nothing_done: true }],
    ["AGENT_INIT_FAILED", { class: "runtime_error", kind: "internal", nothing_done: true }],
    ["AUTH_ERROR", { class: "runtime_error", kind: "auth", nothing_done: true }],
    ["PROVIDER_ERROR", { class: "runtime_error", kind: "internal", nothing_done: true }],
  ] as const)("%s is told by its code", (code, expected) => {
    expect(matchChatFailure(code, "whatever was said", nothingSeen)).toMatchObject(expected);
  });

  test.each(["AGENT_ERROR", "SOMETHING_NEW", null])("%s may have had effects", (code) => {
    const failure = matchChatFailure(code, "said", nothingSeen);
    expect(failure).toMatchObject({ class: "runtime_error", kind: "internal" });
    expect(failure.nothing_done).toBeUndefined();
  });

  test.each([
    ["a tool was at work", { hadTool: true, showsTools: true }],
    ["the version does not show its tools", { hadTool: false, showsTools: false }],
  ])("may have had effects when %s", (_, evidence) => {
    expect(matchChatFailure("PROVIDER_ERROR", "said", evidence).nothing_done).toBeUndefined();
  });

  test("never repeats what a provider said about a key", () => {
    expect(matchChatFailure("AUTH_ERROR", "bad key sk-1", nothingSeen).message).not.toContain("sk-1");
  });

  test.each([
    ["STEERING_QUEUE_FULL", false],
    ["INVALID_APPROVAL_RESPONSE", false],
    ["SOP_DISABLED", false],
    ["AGENT_ERROR", true],
    [null, true],
  ])("%s ends the turn: %p", (code, expected) => {
    expect(endsTurn(code)).toBe(expected);
  });
});

describe("an answer of the webhook", () => {
  test.each([
    [400, { kind: "bad_request", nothing_done: true }],
    [401, { kind: "auth", nothing_done: true }],
    [405, { kind: "bad_request", nothing_done: true }],
    [408, { class: "timeout" }],
    [413, { kind: "bad_request", nothing_done: true }],
    [429, { class: "refused" }],
    [500, { kind: "internal" }],
    [503, { class: "refused" }],
  ])("with status %d", (status, expected) => {
    expect(matchWebhookFailure(status, "here")).toMatchObject(expected);
  });

  test("with status 408 or 500 may have had effects", () => {
    for (const status of [408, 500]) expect(matchWebhookFailure(status, "here").nothing_done).toBeUndefined();
  });
});
