import { describe, expect, test } from "bun:test";
import type { RuleInput } from "../../protocol/rule.ts";
import { groupOf, meshOf, nodeIdOf, nodeOf } from "./mesh-fixture.ts";
import { ruleWarnings, validateRule } from "./rule-check.ts";

describe("a rule is refused", () => {
  test.each<[string, unknown, string]>([
    ["that matches nothing", { match: {} }, "matches nothing"],
    ["that asks for nothing", { match: { requires_gpu: false } }, "matches nothing"],
    ["with empty labels alone", { match: { labels: {} } }, "matches nothing"],
    ["with a wildcard and more", { match: { wildcard: true, requires_os: "linux" } }, "requires_os"],
    ["with target and targets", { match: { wildcard: true }, target: "a", targets: ["b"] }, "both"],
    ["with an unknown strategy", { match: { wildcard: true }, strategy: "fastes" }, "fastes"],
    ["with a bad pattern", { match: { content: "/a(/" } }, "not valid"],
    ["with an unknown flag", { match: { content: "/a/g" } }, "flag"],
    ["that refuses and leads somewhere", { match: { untrusted: true }, refuse: true, target: "a" }, "target"],
    ["that refuses to targets", { match: { untrusted: true }, refuse: true, targets: ["a"] }, "targets"],
    [
      "that refuses by a strategy",
      { match: { wildcard: true }, refuse: true, strategy: "random" },
      "strategy",
    ],
    ["that refuses otherwise", { match: { wildcard: true }, refuse: true, otherwise: "queue" }, "otherwise"],
    ["with a wildcard and the label", { match: { wildcard: true, untrusted: false } }, "untrusted"],
    ["with an empty word", { match: { content: ["a", " "] } }, "empty"],
  ])("%s", (_what, rule, message) => {
    expect(() => validateRule(rule as RuleInput)).toThrow(
      expect.objectContaining({
        code: "RULE_INVALID",
        status: 400,
        message: expect.stringContaining(message),
      }),
    );
  });

  test("and told the strategy that was meant", () => {
    const rule = { match: { wildcard: true }, strategy: "fastes" } as unknown as RuleInput;
    expect(() => validateRule(rule)).toThrow(expect.objectContaining({ hint: 'Did you mean "fastest"?' }));
  });
});

test.each<RuleInput>([
  { match: { wildcard: true }, strategy: "sticky" },
  { match: { wildcard: true, requires_gpu: false } },
  { match: { untrusted: false }, target: "a" },
  { match: { untrusted: true }, refuse: true },
  { match: { wildcard: true }, refuse: true },
  { match: { content: "/a|b/ims", labels: { a: "b" } }, targets: ["a", "b"], otherwise: "queue" },
])("accepts %j", (rule) => {
  expect(() => validateRule(rule)).not.toThrow();
});

test("warns of a rule that shall keep messages away and stands behind one that takes all of them", () => {
  const gpu: RuleInput = { match: { requires_gpu: true }, target: "a" };
  const all: RuleInput = { match: { wildcard: true }, strategy: "random" };
  const refusing: RuleInput = { match: { untrusted: true }, refuse: true };
  const leading: RuleInput = { match: { untrusted: true }, target: "a", otherwise: "queue" };
  const warnings = (rule: RuleInput, earlier: readonly RuleInput[]) =>
    ruleWarnings(rule, meshOf([nodeOf({ name: "a" })], []), { earlier, later: [] });
  for (const guard of [refusing, leading]) {
    expect(warnings(guard, [gpu, all])).toEqual([
      "rule 2 (*) takes every message before this one; move this one up: claw-mesh route move 3 --first",
    ]);
    expect(warnings(guard, [gpu])).toEqual([]);
    // One that leads to some nodes leaves what they cannot take; one that refuses all needs no other.
    expect(warnings(guard, [{ ...all, target: "a" }])).toEqual([]);
    expect(warnings(guard, [{ match: { wildcard: true }, refuse: true }])).toEqual([]);
  }
  expect(warnings(gpu, [all])).toEqual([]);
});

test("warns of a rule that leads the untrusted label somewhere and lets it go elsewhere", () => {
  const leading: RuleInput = { match: { untrusted: true }, target: "a" };
  const warnings = (rule: RuleInput, later: readonly RuleInput[] = []) =>
    ruleWarnings(rule, meshOf([nodeOf({ name: "a" })], []), { earlier: [], later }).length;
  const needs = { untrusted: true, requires_gpu: true } as const;
  const labelled = { untrusted: true, labels: { team: "red" } };
  for (const rule of [leading, { ...leading, otherwise: "next" as const }, { match: needs }]) {
    expect(warnings(rule)).toBe(1);
    expect(warnings(rule, [{ match: { untrusted: true }, refuse: true }])).toBe(0);
    expect(warnings(rule, [{ match: { wildcard: true }, refuse: true }])).toBe(0);
    expect(warnings(rule, [{ match: { wildcard: true }, target: "a" }])).toBe(1);
    expect(warnings(rule, [{ match: { untrusted: true, source: "web" }, refuse: true }])).toBe(1);
  }
  expect(warnings({ match: labelled, target: "a" }, [{ match: labelled, refuse: true }])).toBe(0);
  for (const otherwise of ["queue", "fail"] as const) expect(warnings({ ...leading, otherwise })).toBe(0);
  // It leads nowhere, or the label does not matter to it.
  expect(warnings({ match: { untrusted: true }, strategy: "random" })).toBe(0);
  expect(warnings({ match: { untrusted: false }, target: "a" })).toBe(0);
});

test("warns of targets and groups that nobody is called, and says what may have been meant", () => {
  const mesh = meshOf([nodeOf({ name: "linux-gpu" })], [groupOf("macs", { nodes: ["mac"] })]);
  const warnings = ruleWarnings(
    {
      match: { requires_group: "linux-gpu" },
      targets: ["LINUX-GPU", nodeIdOf("linux-gpu"), "Macs", "linux-gpo"],
    },
    mesh,
  );
  expect(warnings).toEqual([
    'no node or group is called "linux-gpo" yet; did you mean "linux-gpu"?',
    'no group is called "linux-gpu" yet',
  ]);
});
