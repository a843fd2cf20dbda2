import { expect, test } from "bun:test";
import { isLasting, matchClosedProblem, matchHandshakeProblem } from "./connection-problem.ts";

const address = "ws://127.0.0.1:18789";

test.each([
  ["INVALID_REQUEST", "AUTH_TOKEN_MISMATCH", "unauthorized", true],
  ["NOT_PAIRED", "DEVICE_IDENTITY_REQUIRED", "unauthorized", true],
  ["INVALID_REQUEST", "PROTOCOL_MISMATCH", "incompatible", true],
  ["INVALID_REQUEST", null, "incompatible", true],
  ["UNAVAILABLE", null, "starting", false],
] as const)("a handshake refused with %s %s is %s", (code, detailCode, kind, lasts) => {
  const problem = matchHandshakeProblem(address, { code, detailCode, hasToken: true });
  expect(problem.kind).toBe(kind);
  expect(problem.message).toContain(address);
  expect(isLasting(problem)).toBe(lasts);
});

test("a missing token is not called a wrong one", () => {
  const refusal = { code: "NOT_PAIRED", detailCode: "DEVICE_IDENTITY_REQUIRED" };
  expect(matchHandshakeProblem(address, { ...refusal, hasToken: false }).message).toContain(
    "asks for a token",
  );
  expect(matchHandshakeProblem(address, { ...refusal, hasToken: true }).message).toContain(
    "refuses the token",
  );
});

test("a connection that never opened is unreachable, one that closed early is starting", () => {
  expect(matchClosedProblem(address, false).kind).toBe("unreachable");
  expect(matchClosedProblem(address, true).kind).toBe("starting");
});
