import { describe, expect, test } from "bun:test";
import { countParts, maxJsonDepth, parseJsonText } from "./json-text.ts";

const arrays = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
const objects = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;

test.each([
  ["[]", 1],
  ['[{"a":1,"b":[2,3]},4]', 6],
  [JSON.stringify(["a,b[{", "\\", 1]), 3],
  [`["${'x,\\"'.repeat(100)}",1]`, 2],
  ['["never ends, [', 1],
])("the parts of %p are counted outside of strings: %p", (text, parts) => {
  expect(countParts(text)).toBe(parts);
});

describe("JSON from outside", () => {
  test("is parsed down to the deepest level that is allowed", () => {
    expect(parseJsonText(arrays(maxJsonDepth))).toEqual(JSON.parse(arrays(maxJsonDepth)));
    expect(parseJsonText(objects(maxJsonDepth))).toEqual(JSON.parse(objects(maxJsonDepth)));
  });

  test.each([
    ["arrays", arrays(maxJsonDepth + 1)],
    ["objects", objects(maxJsonDepth + 1)],
    ["both in turn", `${'[{"a":'.repeat(40)}1${"}]".repeat(40)}`],
    ["levels that are never closed", "[".repeat(1024 * 1024)],
    ["a deep end behind flat values", `[${"[],".repeat(500)}${arrays(maxJsonDepth)}]`],
    ["a deep end behind a string that ends in a backslash", `["\\\\",${arrays(maxJsonDepth)}]`],
    ["a deep end behind a long string with quotes", `["${'x\\"'.repeat(500)}",${arrays(maxJsonDepth)}]`],
    ["a deep end behind a long run of backslashes", `["${"\\\\".repeat(500)}",${arrays(maxJsonDepth)}]`],
  ])("is refused one level deeper: %s", (_, text) => {
    expect(() => parseJsonText(text)).toThrow("nests deeper");
  });

  test.each([
    ["brackets in a string", JSON.stringify(arrays(5_000))],
    ["brackets in a string after a quote in it", JSON.stringify(`"\\${arrays(5_000)}"`)],
    ["brackets in a key", JSON.stringify({ [arrays(5_000)]: 1 })],
    ["many values beside each other", `[${"[],".repeat(5_000)}{}]`],
    [
      "strings that end around the change from steps to a search",
      JSON.stringify(
        Array.from({ length: 80 }, (_, length) => [`${"y".repeat(length)}\\"[`, `${"\\".repeat(length)}"{`]),
      ),
    ],
  ])("is parsed when it only looks deep: %s", (_, text) => {
    expect(parseJsonText(text)).toEqual(JSON.parse(text));
  });

  test("that is no JSON is a SyntaxError, long or short", () => {
    for (const text of ["", "[", "nonsense", `"${"[".repeat(200)}`, `${"]".repeat(200)}${"[".repeat(100)}`]) {
      expect(() => parseJsonText(text)).toThrow(SyntaxError);
    }
  });
});
