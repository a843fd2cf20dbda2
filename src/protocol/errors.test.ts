import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { issueLines, MeshError, maxErrorTextChars, maxIssueChars, maxIssues } from "./errors.ts";

function issuesOf(schema: z.ZodType, value: unknown): readonly string[] {
  const parsed = schema.safeParse(value);
  return parsed.success ? [] : issueLines(parsed.error);
}

describe("what an error repeats of what came from outside", () => {
  test("names so many problems at most", () => {
    const lines = issuesOf(z.array(z.string()), Array(5_000).fill(1));
    expect(lines).toHaveLength(maxIssues);
    expect(lines[0]).toBe("0: Invalid input: expected string, received number");
  });

  test.each([
    ["an unknown key", z.strictObject({}), { ["k".repeat(100_000)]: 1 }],
    [
      "many unknown keys",
      z.strictObject({}),
      Object.fromEntries(Array.from({ length: 9_000 }, (_, i) => [`k${i}`, 1])),
    ],
    ["a key in the way", z.record(z.string(), z.string()), { ["k".repeat(100_000)]: 1 }],
    ["a name of two units a character", z.strictObject({}), { ["😀".repeat(50_000)]: 1 }],
  ])("cuts the line of %s", (_what, schema, value) => {
    const [line = ""] = issuesOf(schema, value);
    expect(line.length).toBeLessThanOrEqual(maxIssueChars);
    expect(line).toEndWith("…");
    expect(line.isWellFormed()).toBeTrue();
  });

  test("is cut in the message and the hint of any error", () => {
    const error = new MeshError("NODE_NOT_FOUND", "n".repeat(1_000_000), { hint: "h".repeat(1_000_000) });
    expect([error.message.length, error.hint.length]).toEqual([maxErrorTextChars, maxErrorTextChars]);
    const text = "n".repeat(maxErrorTextChars);
    expect(new MeshError("NODE_NOT_FOUND", text).message).toBe(text);
  });
});
