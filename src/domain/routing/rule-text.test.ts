import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RuleMatch } from "../../protocol/rule.ts";
import { parseRuleMatch, printRuleMatch } from "./rule-text.ts";

describe("the text of a rule", () => {
  test.each<[string, RuleMatch]>([
    ["gpu:true", { requires_gpu: true }],
    ["gpu", { requires_gpu: true }],
    ["os:Darwin", { requires_os: "darwin" }],
    ["os=darwin , arch=arm64", { requires_os: "darwin", requires_arch: "arm64" }],
    ["skill:docker", { requires_skill: "docker" }],
    ["skill:c++", { requires_skill: "c++" }],
    ["skills:docker+python", { requires_skills: ["docker", "python"] }],
    ["any-skill:xcode+docker", { requires_any_skill: ["xcode", "docker"] }],
    ["tag:home", { requires_tag: "home" }],
    ["group:mac-nodes", { requires_group: "mac-nodes" }],
    ["runtime:zeroclaw", { requires_runtime: "zeroclaw" }],
    ["memory:>=32", { min_memory_gb: 32 }],
    ["memory>=32", { min_memory_gb: 32 }],
    ["memory:32GB", { min_memory_gb: 32 }],
    ["content:/train|fine-?tune/i", { content: "/train|fine-?tune/i" }],
    ["content:/a{1,2}[,/]b\\/c/,gpu:true", { content: "/a{1,2}[,/]b\\/c/", requires_gpu: true }],
    ["content:train+fine tune", { content: ["train", "fine tune"] }],
    ["content:训练", { content: ["训练"] }],
    ["source:telegram:*", { source: "telegram:*" }],
    ["session:web-*", { session: "web-*" }],
    ["label:team=web,label:tier=a=b", { labels: { team: "web", tier: "a=b" } }],
    ["label:note=one\\,two", { labels: { note: "one,two" } }],
    ["*", { wildcard: true }],
    ["wildcard:true", { wildcard: true }],
    ["", {}],
  ])("%s", (text, expected) => {
    expect(parseRuleMatch(text)).toEqual(expected);
  });

  test.each([
    ["skil:docker", 'unknown condition "skil"', 'Did you mean "skill"?'],
    ["colour:blue", 'unknown condition "colour"', "The conditions are: content,"],
    ["os:linux,os:darwin", '"os" is given twice', "once"],
    ["memory:much", '"much" is not an amount of memory', "memory>=32"],
    ["gpu:maybe", 'not "maybe"', "gpu"],
    ["os:", '"os" needs a value', "os:<value>"],
    ["label:team", '"team" is not a pair', "label:key=value"],
    ["content:/open", "no closing /", "content:/pattern/"],
    ["runtime:clippy", "requires_runtime", "docs"],
    ["os:a b", "requires_os", "docs"],
  ])("refuses %s", (text, message, hint) => {
    expect(() => parseRuleMatch(text)).toThrow(
      expect.objectContaining({
        code: "RULE_INVALID",
        message: expect.stringContaining(message),
        hint: expect.stringContaining(hint),
      }),
    );
  });

  test("bare slashes of a pattern are escaped, so that the text can be read again", () => {
    expect(printRuleMatch({ content: "/usr/bin/i" })).toBe("content:/usr\\/bin/i");
  });

  test("what is printed can be parsed back", () => {
    const word = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
      .filter((text) => text.trim() === text);
    const skill = word.filter((text) => RuleMatch.safeParse({ requires_skill: text }).success);
    const match: fc.Arbitrary<RuleMatch> = fc.record(
      {
        content: fc.oneof(
          fc.constantFrom("/a,b/i", "/[/,]+\\/x/", "/训练|gpu/s"),
          fc.array(fc.oneof(word, fc.constantFrom("a+b", "/x/", "/", "\\", " x", "x ", "a, b")), {
            minLength: 1,
          }),
        ),
        source: fc.oneof(word, fc.constantFrom("telegram:*", "a,b", "c:\\d")),
        labels: fc.dictionary(word, fc.string({ maxLength: 8 }), { minKeys: 1, maxKeys: 3 }),
        session: word,
        requires_gpu: fc.boolean(),
        requires_os: fc.constant("darwin"),
        requires_skill: skill,
        requires_skills: fc.array(skill, { minLength: 1, maxLength: 3 }),
        requires_any_skill: fc.array(skill, { minLength: 1, maxLength: 3 }),
        requires_tag: skill,
        requires_group: fc.constant("mac-nodes"),
        requires_runtime: fc.constant("acp"),
        min_memory_gb: fc.constantFrom(0.5, 32),
      },
      { requiredKeys: [] },
    );
    fc.assert(fc.property(match, (wanted) => expect(parseRuleMatch(printRuleMatch(wanted))).toEqual(wanted)));
  });
});
