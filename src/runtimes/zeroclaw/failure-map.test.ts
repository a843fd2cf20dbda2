import { describe, expect, test } from "bun:test";
import { endsTurn, matchChatFailure, matchWebhookFailure } from "./failure-map.ts";

const reply = (status: number, body?: object) => ({ status, body, isTooLong: false });

describe("an error of the chat", () => {
  test.each([
    ["NEEDS_ONBOARDING", { class: "refused" }],
    ["SESSION_QUEUE_FULL", { class: "refused" }],
    ["SESSION_QUEUE_TIMEOUT", { class: "refused" }],
    ["INVALID_CWD", { class: "runtime_error", kind: "bad_request", nothing_done: true }],
    ["EMPTY_CONTENT", { class: "runtime_error", kind: "bad_request", nothing_done: true }],
    ["AGENT_INIT_FAILED", { class: "runtime_error", kind: "internal", nothing_done: true }],
  ] as const)("%s is told by its code", (code, expected) => {
    expect(matchChatFailure({ code, message: "whatever was said", hasBegun: false })).toMatchObject(expected);
  });

  test.each(["AGENT_ERROR", "SOMETHING_NEW", null])("%s may have had effects", (code) => {
    const failure = matchChatFailure({ code, message: "said", hasBegun: false });
    expect(failure).toMatchObject({ class: "runtime_error", kind: "internal" });
    expect(failure.nothing_done).toBeUndefined();
  });

  test.each([
    ["AUTH_ERROR", "auth"],
    ["PROVIDER_ERROR", "internal"],
  ] as const)("%s may have had effects: a tool may have been used before", (code, kind) => {
    const failure = matchChatFailure({ code, message: "said", hasBegun: false });
    expect(failure).toMatchObject({ class: "runtime_error", kind });
    expect(failure.nothing_done).toBeUndefined();
  });

  test.each([
    "NEEDS_ONBOARDING",
    "SESSION_QUEUE_TIMEOUT",
    "UNKNOWN_MESSAGE_TYPE",
    "INVALID_JSON",
    "AGENT_INIT_FAILED",
  ])("%s in the middle of a turn does not say that nothing was done", (code) => {
    const failure = matchChatFailure({ code, message: "said", hasBegun: true });
    expect(failure.class).toBe("runtime_error");
    expect(failure.nothing_done).toBeUndefined();
  });

  test("never repeats what a provider said about a key", () => {
    expect(
      matchChatFailure({ code: "AUTH_ERROR", message: "bad key sk-1", hasBegun: false }).message,
    ).not.toContain("sk-1");
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
    [503, { class: "runtime_error", kind: "internal" }],
  ])("with status %d", (status, expected) => {
    expect(matchWebhookFailure(reply(status), "here")).toMatchObject(expected);
  });

  test("with status 503 is refused only where ZeroClaw itself says that it has no model", () => {
    expect(matchWebhookFailure(reply(503, { error: "needs_quickstart" }), "here")).toMatchObject({
      class: "refused",
      message: expect.stringContaining("no model is configured"),
    });
    expect(matchWebhookFailure(reply(503, { error: "upstream timed out" }), "here").class).toBe(
      "runtime_error",
    );
  });

  test("with status 408, 500 or 503 may have had effects", () => {
    for (const status of [408, 500, 503]) {
      expect(matchWebhookFailure(reply(status), "here").nothing_done).toBeUndefined();
    }
  });
});
