import { describe, expect, test } from "bun:test";
import { issueLines, MeshError } from "./errors.ts";
import { TaskInput } from "./message.ts";
import { maxLabels, RuleMatch } from "./rule.ts";
import { parseRuleMatch } from "./rule-text.ts";

const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, "v"]));
const problemsOf = (labels: unknown) => {
  const { error } = TaskInput.safeParse({ content: "x", labels });
  return error === undefined ? [] : issueLines(error);
};

describe("the labels of a message", () => {
  test(`are ${maxLabels} at most, of limited length`, () => {
    expect(problemsOf(many(maxLabels))).toEqual([]);
    expect(problemsOf(many(maxLabels + 1))).toEqual([`labels: must not be more than ${maxLabels}`]);
    expect(problemsOf({ ["k".repeat(64)]: "v".repeat(256) })).toEqual([]);
    expect(problemsOf({ ["k".repeat(65)]: "v" })).toHaveLength(1);
    expect(problemsOf({ k: "v".repeat(257) })).toHaveLength(1);
  });

  test.each(["__proto__", "constructor", "prototype"])(
    "cannot have the key %s, nor can those of a rule",
    (key) => {
      const labels = JSON.parse(`{"a":"b","${key}":"x"}`);
      expect(problemsOf(labels)).toEqual([`labels: "${key}" cannot be the key of a label`]);
      expect(RuleMatch.safeParse({ labels }).success).toBeFalse();
      expect(() => parseRuleMatch(`label:${key}=x`)).toThrow(MeshError);
    },
  );
});

test.each<[string, object]>([
  ["content", { content: "a\ud83d" }],
  ["source", { source: "\ude00a" }],
  ["session", { session: "\ud83d" }],
  ["target", { target: "\ud83d" }],
  ["labels", { labels: { a: "\ud83d" } }],
  ["labels", { labels: { "\ud83d": "a" } }],
  ["requires", { requires: { skills: ["\ud83d"] } }],
])("half of a surrogate pair in %s is refused, and named", (field, parts) => {
  const { error } = TaskInput.safeParse({ content: "x", ...parts });
  expect(error?.issues[0]?.path[0]).toBe(field);
  expect(TaskInput.safeParse({ content: "\ud83d\ude00" }).success).toBeTrue();
});
