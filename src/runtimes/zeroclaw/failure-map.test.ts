import { describe, expect, test } from "bun:test";
import { endsTurn, matchChatFailure, matchWebhookFailure } from "./failure-map.ts";

describe("an error of the chat", () => {
  test.each([
    ["NEEDS_ONBOARDING", { class: "refused" }],
    ["SESSION_QUEUE_FULL", { class: "refused" }],
    ["SESSION_QUEUE_TIMEOUT", { class: "refused" }],
    ["INVALID_CWD", { class: "runtime_error", kind: "bad_request", nothing_done: true }],
    ["EMPTY_CONTENT", { class: "runtime_error", kind: "bad_request", nothing_done: true }],
    ["AGENT_INIT_FAILED", { class: "runtime_error", kind: "internal", nothing_done: true }],
  ] as const)("%s is told by its code", (code, expected) => {
    expect(matchChatFailure(code, "whatever was said")).toMatchObject(expected);
  });

  test.each(["AGENT_ERROR", "SOMETHING_NEW", null])("%s may have had effects", (code) => {
    const failure = matchChatFailure(code, "said");
    expect(failure).toMatchObject({ class: "runtime_error", kind: "internal" });
    expect(failure.nothing_done).toBeUndefined();
  });

  test.each([
    ["AUTH_ERROR", "auth"],
    ["PROVIDER_ERROR", "internal"],
  ] as const)("%s may have had effects: a tool may have been used before", (code, kind) => {
    const failure = matchChatFailure(code, "said");
    expect(failure).toMatchObject({ class: "runtime_error", kind });
    expect(failure.nothing_done).toBeUndefined();
  });

  test("never repeats what a provider said about a key", () => {
    expect(matchChatFailure("AUTH_ERROR", "bad key sk-1").message).not.toContain("sk-1");
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
