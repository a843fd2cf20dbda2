import { describe, expect, test } from "bun:test";
import { hasGpu, missingNeeds, needTexts, toNodeNeeds, toRuleNeeds } from "./capable.ts";
import { nodeOf } from "./mesh-fixture.ts";

describe("what a node lacks", () => {
  const plain = nodeOf({ name: "plain", skills: ["docker"] });

  test("is named in the words of the command line, each need on its own", () => {
    const needs = toNodeNeeds({
      gpu: true,
      os: "darwin",
      arch: "arm64",
      skills: ["Docker", "Xcode"],
      any_skill: ["a", "b"],
      tags: ["docker"],
      group: "Macs",
      runtime: "acp",
      min_memory_gb: 32,
    });
    expect(needs === null ? null : missingNeeds(plain, needs, () => false)).toEqual([
      "gpu",
      "os=darwin",
      "arch=arm64",
      "skill=xcode",
      "any-skill=a+b",
      "tag=docker",
      "group=macs",
      "runtime=acp",
      "memory>=32",
    ]);
  });

  test("is nothing when nothing is needed", () => {
    expect(toNodeNeeds({})).toBeNull();
    expect(toRuleNeeds({ requires_gpu: false, source: "cli" })).toBeNull();
  });
});

test("skill and skills of a rule add up", () => {
  const needs = toRuleNeeds({ requires_skill: "a", requires_skills: ["b", "c"] });
  expect(needs === null ? null : needTexts(needs)).toEqual(["skill=b", "skill=c", "skill=a"]);
});

test("a tag gpu counts as a card that the probe did not find", () => {
  expect(hasGpu(nodeOf({ name: "a", tags: ["GPU"] }))).toBe(true);
  expect(hasGpu(nodeOf({ name: "a" }))).toBe(false);
});
