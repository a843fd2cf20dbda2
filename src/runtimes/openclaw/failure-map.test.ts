import { expect, test } from "bun:test";
import { matchRequestFailure, matchRunFailure, tidyMessage } from "./failure-map.ts";

test.each([
  ["auth", "auth"],
  ["billing", "quota"],
  ["rate_limit", "overloaded"],
  ["overloaded", "overloaded"],
  ["server_error", "overloaded"],
  ["timeout", "overloaded"],
  ["format", "bad_request"],
  ["a reason of tomorrow", "internal"],
  ["__proto__", "internal"],
  ["constructor", "internal"],
  [null, "internal"],
] as const)("a provider failure %p is of kind %s", (failoverReason, kind) => {
  const failure = matchRunFailure("it failed", { failoverReason, hadNoEffect: false });
  expect(failure).toEqual({ class: "runtime_error", kind, message: "it failed" });
});

test("a run whose every event was seen and showed no tool vouches that nothing was done", () => {
  const failure = matchRunFailure("it failed", { failoverReason: "auth", hadNoEffect: true });
  expect(failure.nothing_done).toBe(true);
});

const error = { message: "no", retryable: false, detailCode: null, reason: null };

test.each([
  ["FORBIDDEN", { class: "runtime_error", kind: "auth", nothing_done: true }],
  ["NOT_PAIRED", { class: "runtime_error", kind: "auth", nothing_done: true }],
  ["INVALID_REQUEST", { class: "runtime_error", kind: "bad_request", nothing_done: true }],
  ["UNAVAILABLE", { class: "refused" }],
  ["SOMETHING_NEW", { class: "refused" }],
])("a message refused with %s", (code, failure) => {
  expect(matchRequestFailure({ ...error, code })).toMatchObject(failure);
});

test("messages are one line without keys and of bounded length", () => {
  expect(tidyMessage("bad key sk-abcdef123456\n for Bearer xyz")).toBe("bad key *** for Bearer ***");
  expect(tidyMessage("x".repeat(5000))).toHaveLength(1000);
});
