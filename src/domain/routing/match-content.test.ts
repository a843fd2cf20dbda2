import { describe, expect, test } from "bun:test";
import { compileContentRegex, toContentPattern } from "./match-content.ts";
import { maxScannedLength } from "./term-matcher.ts";

describe("the content of a rule", () => {
  test.each([
    ["/a|b/i", { kind: "regex", source: "a|b", flags: "i" }],
    ["/usr/bin/", { kind: "regex", source: "usr/bin", flags: "" }],
    ["deploy now", { kind: "words", words: ["deploy now"] }],
    [["a", "b"], { kind: "words", words: ["a", "b"] }],
  ])("%j is read as %j", (content, expected) => {
    expect(toContentPattern(content)).toEqual(expected as ReturnType<typeof toContentPattern>);
  });

  test("knows the flags i, m and s", () => {
    expect(compileContentRegex("^b.c$", "ims")("a\nB\nC")).toBe(true);
    expect(compileContentRegex("^b.c$", "im")("a\nB\nC")).toBe(false);
  });

  test.each([
    ["", "", "empty"],
    ["a(", "", "missing"],
    ["a", "g", "flag"],
    ["(?=a)", "", "not valid"],
    ["(a)\\1", "", "not valid"],
    ["(a{1000}){1000}", "", "not valid"],
  ])("refuses /%s/%s", (source, flags, word) => {
    expect(() => compileContentRegex(source, flags)).toThrow(
      expect.objectContaining({ code: "RULE_INVALID", message: expect.stringContaining(word) }),
    );
  });

  test("reads a bounded part of the text", () => {
    const test = compileContentRegex("x", "");
    expect(test(`${"a".repeat(maxScannedLength - 1)}x`)).toBe(true);
    expect(test(`${"a".repeat(maxScannedLength)}x`)).toBe(false);
  });
});
