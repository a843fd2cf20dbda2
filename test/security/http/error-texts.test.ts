import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { maxErrorTextChars, maxIssueChars, maxIssues } from "../../../src/protocol/errors.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

let mesh: TestCoordinator;
beforeAll(async () => {
  mesh = await createTestCoordinator();
});
afterAll(() => mesh[Symbol.asyncDispose]());

/** A little below the limit of a body. */
const longChars = 1_000_000;
const long = (part: string) => part.repeat(Math.floor(longChars / part.length));

describe("an answer to a request that does not fit", () => {
  // Redacting this took the square of its length: minutes, in which nobody else was answered.
  test.each(["-eyJ", "eyJaaaaaaaa.", "token=", "://a", "Bearer ", "k"])(
    "repeats little of a name made of %j, to somebody without a token, and in time",
    async (part) => {
      const { status, text, body } = await mesh.call("POST", "/api/v1/nodes/register", {
        token: null,
        headers: { authorization: "Bearer cmi_x" },
        body: { [long(part)]: 1 },
      });
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
      expect(text.length).toBeLessThan(4 * maxErrorTextChars);
      expect(body.error.length).toBeLessThanOrEqual(maxErrorTextChars);
    },
  );

  test.each([
    ["names", Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`name${at}`, 1]))],
    ["items", { content: "x", requires: { skills: Array(100_000).fill(1) } }],
    [
      "labels",
      { content: "x", labels: Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`k${at}`, 1])) },
    ],
  ])("names a few of very many wrong %s", async (_what, body) => {
    const { status, text, body: answer } = await mesh.call("POST", "/api/v1/route/explain", { body });
    expect([status, answer.code]).toEqual([400, "BODY_INVALID"]);
    const issues: readonly string[] = answer.details.issues;
    expect(issues.length).toBeLessThanOrEqual(maxIssues);
    for (const issue of issues) expect(issue.length).toBeLessThanOrEqual(maxIssueChars);
    expect(text.length).toBeLessThan(2 * maxIssues * maxIssueChars);
  });

  test("repeats little of a long target, label filter or idempotency key", async () => {
    const name = "n".repeat(15_000);
    for (const path of [`/api/v1/nodes/${name}`, `/api/v1/tasks?label=${name}`, `/api/v1/${name}`]) {
      const { text } = await mesh.call("GET", path);
      expect(text.length).toBeLessThan(2 * maxErrorTextChars);
    }
  });
});
