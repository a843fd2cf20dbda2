import { expect, test } from "bun:test";
import { nearestName } from "./nearest-name.ts";

test.each<[string, readonly string[], string | null]>([
  ["skil", ["os", "skill", "skills"], "skill"],
  ["LEAST-BUZY", ["least-busy", "fastest"], "least-busy"],
  ["o", ["os", "arch"], "os"],
  ["docker", ["os", "arch", "memory"], null],
  ["", ["gpu"], null],
  ["x", [], null],
])("nearest to %p of %j is %p", (word, names, expected) => {
  expect(nearestName(word, names)).toBe(expected);
});
