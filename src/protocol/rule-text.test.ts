import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Skill } from "./capability.ts";
import { MeshError } from "./errors.ts";
import { parseRequirements, printRequirements } from "./requirement-text.ts";
import { RuleMatch } from "./rule.ts";
import { parseRuleMatch, printRuleMatch } from "./rule-text.ts";

describe("rule text", () => {
  const cases: readonly (readonly [string, RuleMatch])[] = [
    ["gpu:true", { requires_gpu: true }],
    ["gpu", { requires_gpu: true }],
    ["os:darwin", { requires_os: "darwin" }],
    ["OS:Darwin", { requires_os: "darwin" }],
    ["arch:arm64", { requires_arch: "arm64" }],
    ["skill:docker", { requires_skill: "docker" }],
    ["skill:c++", { requires_skill: "c++" }],
    ["skills:docker+python", { requires_skills: ["docker", "python"] }],
    ["any-skill:xcode+docker", { requires_any_skill: ["xcode", "docker"] }],
    ["tag:home", { requires_tag: "home" }],
    ["group:mac-nodes", { requires_group: "mac-nodes" }],
    ["runtime:zeroclaw", { requires_runtime: "zeroclaw" }],
    ["memory:>=32", { min_memory_gb: 32 }],
    ["memory>=32", { min_memory_gb: 32 }],
    ["content:/train|fine-?tune/i", { content: "/train|fine-?tune/i" }],
    ["content:/a{1,3},b/i,gpu:true", { content: "/a{1,3},b/i", requires_gpu: true }],
    ["content:/a\\/b/,os:linux", { content: "/a\\/b/", requires_os: "linux" }],
    ["content:train+fine-tune", { content: ["train", "fine-tune"] }],
    ["content:训练", { content: ["训练"] }],
    ["source:telegram:*", { source: "telegram:*" }],
    ["session:work-*", { session: "work-*" }],
    ["label:team=ml,label:url=a=b", { labels: { team: "ml", url: "a=b" } }],
    ["untrusted:true", { untrusted: true }],
    ["untrusted", { untrusted: true }],
    ["untrusted:false,gpu:true", { untrusted: false, requires_gpu: true }],
    ["*", { wildcard: true }],
    ["wildcard:true", { wildcard: true }],
    [" gpu:true , os:linux ", { requires_gpu: true, requires_os: "linux" }],
  ];
  test.each(cases.map(([text, match]) => ({ text, match })))("reads $text", ({ text, match }) => {
    expect(parseRuleMatch(text)).toEqual(match);
  });

  test.each([
    "",
    "gpu:true,",
    "gpu:maybe",
    "untrusted:perhaps",
    "os:",
    "oss:darwin",
    "memory:much",
    "label:x",
    "os:a,os:b",
    "runtime:x",
    "wildcard:false",
    "content:/open",
  ])("refuses %p with RULE_INVALID", (text) => {
    expect(codeOf(() => parseRuleMatch(text))).toBe("RULE_INVALID");
  });

  test.each([
    ["skil:docker", "Did you mean skill?"],
    ["colour:blue", "For example"],
  ])("has a hint for %s", (text, hint) => {
    expect(() => parseRuleMatch(text)).toThrow(
      expect.objectContaining({ hint: expect.stringContaining(hint) }),
    );
  });

  test("printing is the inverse of reading", () => {
    fc.assert(
      fc.property(ruleMatches, (match) => {
        expect(parseRuleMatch(printRuleMatch(match))).toEqual(match);
      }),
    );
  });
});

describe("requirement text", () => {
  test("reads the example of the manual", () => {
    expect(parseRequirements("gpu,os=darwin,skill=docker,memory>=32")).toEqual({
      gpu: true,
      os: "darwin",
      skills: ["docker"],
      min_memory_gb: 32,
    });
  });
  test("collects repeated skills and tags", () => {
    expect(parseRequirements("skill=a,skills=b+c,tag=x,tag:y")).toEqual({
      skills: ["a", "b", "c"],
      tags: ["x", "y"],
    });
  });
  test("suggests skill= for a bare word", () => {
    expect(() => parseRequirements("docker")).toThrow(MeshError);
    try {
      parseRequirements("docker");
    } catch (error) {
      expect((error as MeshError).hint).toContain("skill=docker");
    }
  });
  test("suggests the key that was meant", () => {
    expect(() => parseRequirements("gppu")).toThrow(expect.objectContaining({ hint: "Did you mean gpu?" }));
  });
  test.each(["", "gpu=false", "memory>=x", "os", "os=linux,os=darwin"])("refuses %p with USAGE", (text) => {
    expect(codeOf(() => parseRequirements(text))).toBe("USAGE");
  });

  test("printing is the inverse of reading", () => {
    const optional = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
    const requirements = fc
      .record({
        gpu: optional(fc.constant(true as const)),
        os: optional(lowercaseWord),
        arch: optional(lowercaseWord),
        skills: optional(words),
        any_skill: optional(words),
        tags: optional(words),
        group: optional(name),
        min_memory_gb: optional(fc.integer({ min: 1, max: 1000 })),
      })
      .map(withoutUndefined)
      .filter((value) => Object.keys(value).length > 0);
    fc.assert(
      fc.property(requirements, (value) => {
        expect(parseRequirements(printRequirements(value))).toEqual(value);
      }),
    );
  });
});

const lowercaseWord = fc.stringMatching(/^[a-z0-9]{2,16}$/);
const name = fc.stringMatching(/^[a-z][a-z0-9._-]{0,20}$/);
const word = fc
  .string({ minLength: 1, maxLength: 20, unit: "grapheme" })
  .filter((text) => text === text.trim() && Skill.safeParse(text).success);
const words = fc.array(word, { minLength: 1, maxLength: 4 });
const glob = fc.string({ minLength: 1, maxLength: 20, unit: "grapheme" });
const patternBody = fc.string({ minLength: 1, maxLength: 12 }).filter((text) => !/[/\\]/.test(text));
const content = fc.oneof(
  fc.tuple(patternBody, fc.constantFrom("", "i", "im")).map(([body, flags]) => `/${body}/${flags}`),
  fc.array(glob, { minLength: 1, maxLength: 3 }),
);

const ruleMatches: fc.Arbitrary<RuleMatch> = fc
  .record({
    requires_gpu: fc.option(fc.boolean(), { nil: undefined }),
    requires_os: fc.option(lowercaseWord, { nil: undefined }),
    requires_skill: fc.option(word, { nil: undefined }),
    requires_skills: fc.option(words, { nil: undefined }),
    requires_any_skill: fc.option(words, { nil: undefined }),
    requires_tag: fc.option(word, { nil: undefined }),
    requires_group: fc.option(name, { nil: undefined }),
    min_memory_gb: fc.option(fc.double({ min: 1e-9, max: 1000, noNaN: true }), { nil: undefined }),
    source: fc.option(glob, { nil: undefined }),
    session: fc.option(glob, { nil: undefined }),
    labels: fc.option(
      fc.dictionary(
        glob.filter((key) => key !== "__proto__"),
        fc.string({ maxLength: 10 }),
        {
          minKeys: 1,
          maxKeys: 3,
          noNullPrototype: true,
        },
      ),
      { nil: undefined },
    ),
    content: fc.option(content, { nil: undefined }),
    wildcard: fc.option(fc.constant(true as const), { nil: undefined }),
  })
  .map(withoutUndefined)
  .filter((match) => Object.keys(match).length > 0 && RuleMatch.safeParse(match).success);

// biome-ignore lint/suspicious/noExplicitAny: the result type drops undefined, which the generator cannot say
function withoutUndefined<T extends object>(value: T): any {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined));
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof MeshError) return error.code;
    throw error;
  }
  return "nothing was thrown";
}
